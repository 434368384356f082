"""Sources of weights, and the errors if weights are not available."""

import hashlib
import json
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml import weights
from ml.spec import LabelTask, ModelSpec, Part
from ml.weights import KERAS_FILES, Weights, WeightsError, editions, resolve
from ml.weights.layout import head_shapes, variable_shapes
from tests.ml.conftest import Server
from tests.ml.random_networks import saved, variables

META = {"architecture": "resnet50", "input_size": 64, "fit": "stretch", "pooling": "max", "dimension": 2048}
CONTENT = bytes(range(256)) * 8192  # 2 MB that stand in for Keras's file
KERAS_FILE = KERAS_FILES["resnet50"].name
SPLIT = ModelSpec(
    "resnet50",
    64,
    "letterbox",
    "gem",
    12,
    parts=(Part("kind", 8), Part("colour", 4, ("pooled", "lab_histogram"))),
    labels=(LabelTask("type", "kind", ("dress", "shoe")),),
)
Serve = Callable[[bytes], Server]


def write_npz(path: Path, change: Callable[[dict], None] = lambda entries: None) -> Path:
    entries = {name: np.zeros(shape, np.float16) for name, shape in variable_shapes().items()}
    entries["meta"] = np.array(json.dumps(META))
    change(entries)
    np.savez(path, **entries)
    return path


def unreachable() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/weights.h5"


def from_server(server: Server, tmp_path: Path, **options: object) -> Weights:
    return resolve("imagenet", cache_dir=tmp_path, url=server.url, md5=server.md5, **options)


@pytest.mark.slow
def test_the_address_and_hash_are_those_of_keras() -> None:
    import inspect

    import keras.src.applications.inception_v3 as keras_inception
    import keras.src.applications.resnet as keras_resnet

    resnet, inception = KERAS_FILES["resnet50"], KERAS_FILES["inception_v3"]
    assert resnet.folder == keras_resnet.BASE_WEIGHTS_PATH
    assert keras_resnet.WEIGHTS_HASHES["resnet50"][1] == resnet.md5
    assert inception.folder + inception.name == keras_inception.WEIGHTS_PATH_NO_TOP
    assert f'file_hash="{inception.md5}"' in inspect.getsource(keras_inception.InceptionV3)


@pytest.mark.slow
def test_untrained_weights_are_always_the_same(tmp_path: Path) -> None:
    first, second = (resolve("untrained", cache_dir=tmp_path) for _ in range(2))
    assert first == second
    assert (first.name, first.path, first.spec.input_size) == ("resnet50-untrained", None, 80)
    kernel = weights.read_variables(first)["conv1_conv/kernel"]
    assert (kernel == weights.read_variables(second)["conv1_conv/kernel"]).all()


@pytest.mark.slow
def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    drawn = variables(SPLIT)
    extra = {"training": {"pictures": 10}, "metrics": {"precision_at_10": 0.8}}
    digest = weights.write_npz(tmp_path / "split.npz", drawn, SPLIT, extra)
    found = resolve(str(tmp_path / "split.npz"), cache_dir=tmp_path)
    assert (found.spec, found.sha256, found.extra) == (SPLIT, digest, extra)
    assert (found.setting, found.ready_made) == (str(tmp_path / "split.npz"), False)
    read = weights.read_variables(found)
    assert read.keys() == drawn.keys()
    for path, values in read.items():
        is_kernel = path.endswith("kernel") and not path.startswith(("head/", "labels/"))
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, drawn[path], rtol=1e-3 if is_kernel else 0, atol=1e-7, err_msg=path)
    assert [file.name for file in tmp_path.iterdir()] == ["split.npz"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda drawn: drawn.pop("head/kind/bias"), r"1 missing \(head/kind/bias\)"),
        (lambda drawn: drawn.update({"labels/type/kernel": np.zeros((8, 3))}), r"\(8, 3\) instead of \(8, 2\)"),
        (lambda drawn: drawn.update({"conv1_conv/bias": np.full(64, np.nan)}), "conv1_conv/bias is not finite"),
    ],
)
def test_a_model_that_is_not_whole_is_not_written(
    tmp_path: Path, change: Callable[[dict], None], complaint: str
) -> None:
    drawn = variables(SPLIT)
    change(drawn)
    (tmp_path / "before.npz").write_bytes(b"kept")
    with pytest.raises(ValueError, match=complaint):
        weights.write_npz(tmp_path / "before.npz", drawn, SPLIT)
    assert (tmp_path / "before.npz").read_bytes() == b"kept"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_heads_belong_to_their_pooling(tmp_path: Path) -> None:
    path = saved(tmp_path / "split.npz", SPLIT).path
    assert resolve(str(path), cache_dir=tmp_path, pooling="gem").spec == SPLIT
    with pytest.raises(WeightsError, match="was made for gem pooling and cannot run with max"):
        resolve(str(path), cache_dir=tmp_path, pooling="max")


@pytest.mark.slow
def test_colours_are_added_to_any_model_without_parts(tmp_path: Path) -> None:
    plain, coloured = (resolve(setting, cache_dir=tmp_path) for setting in ("untrained", "untrained+colour"))
    assert (coloured.name, coloured.setting) == ("resnet50-untrained-colour", "untrained+colour")
    assert (coloured.sha256, coloured.spec.dimension) == (plain.sha256, 2048 + 64)
    assert [part.name for part in coloured.spec.parts] == ["kind", "colour"]
    assert head_shapes(coloured.spec) == {}
    path = saved(tmp_path / "split.npz", SPLIT).path
    with pytest.raises(WeightsError, match="already has parts"):
        resolve(f"{path}+colour", cache_dir=tmp_path)


@pytest.mark.slow
def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "my shoes.npz")
    found = resolve(str(path), cache_dir=tmp_path)
    assert found.spec.to_meta() == META | {"metric": "cosine"}
    assert (found.source, found.path, found.name) == ("file", path, "my-shoes")
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    other = resolve(str(path), cache_dir=tmp_path, pooling="avg")
    assert (other.name, other.spec.pooling) == ("my-shoes-avg", "avg")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda entries: entries.pop("conv1_conv/kernel"), r"1 missing \(conv1_conv/kernel\)"),
        (lambda entries: entries.update(head=np.zeros(3)), r"1 not part of ResNet50 \(head\)"),
        (
            lambda entries: entries.update({"conv1_bn/beta": np.zeros(3)}),
            r"1 of the wrong shape \(conv1_bn/beta \(3,\) instead of \(64,\)\)",
        ),
        (lambda entries: entries.pop("meta"), "it has no 'meta' entry"),
        (lambda entries: entries.update(meta=np.array("{}")), "missing in meta: architecture, input_size"),
        (lambda entries: entries.update(meta=np.array("[1]")), "not a JSON object"),
    ],
)
def test_a_file_that_does_not_fit_is_told_why(tmp_path: Path, change: Callable[[dict], None], complaint: str) -> None:
    path = write_npz(tmp_path / "odd.npz", change)
    with pytest.raises(WeightsError, match=complaint) as error:
        resolve(str(path), cache_dir=tmp_path)
    assert str(path) in str(error.value)


def test_many_missing_variables_are_summed_up(tmp_path: Path) -> None:
    def keep_few(entries: dict) -> None:
        for name in list(variable_shapes())[10:]:
            del entries[name]

    with pytest.raises(WeightsError, match=r"308 missing \(conv2\S+, conv2\S+, conv2\S+, …\)"):
        resolve(str(write_npz(tmp_path / "few.npz", keep_few)), cache_dir=tmp_path)


@pytest.mark.parametrize("name", ["cut.npz", "cut.h5", "cut.weights.h5"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"PK\x03\x04 no more of it")
    with pytest.raises(WeightsError, match="damaged or not an"):
        resolve(str(path), cache_dir=tmp_path)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "pickled.npz"
    np.savez(path, meta=np.array({"a": 1}, dtype=object))
    with pytest.raises(WeightsError, match="allow_pickle=False"):
        resolve(str(path), cache_dir=tmp_path)


def test_a_missing_file_and_an_unknown_kind_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="does not exist"):
        resolve(str(tmp_path / "no.npz"), cache_dir=tmp_path)
    with pytest.raises(WeightsError, match="is not a file"):
        resolve(str(tmp_path), cache_dir=tmp_path)
    (tmp_path / "model.pkl").write_bytes(b"x")
    with pytest.raises(WeightsError, match="unknown format"):
        resolve(str(tmp_path / "model.pkl"), cache_dir=tmp_path)
    with pytest.raises(WeightsError, match="avg, max or gem"):
        resolve("untrained", cache_dir=tmp_path, pooling="median")


def test_imagenet_is_downloaded_once(tmp_path: Path, serve: Serve) -> None:
    server = serve(CONTENT)
    seen: list[tuple[int, int | None]] = []
    first = from_server(server, tmp_path, progress=lambda done, total: seen.append((done, total)))
    second = from_server(server, tmp_path, pooling="max")
    assert server.requests == [None]
    assert (first.name, second.name) == ("resnet50-imagenet-avg", "resnet50-imagenet-max")
    assert (first.spec.input_size, first.spec.fit) == (224, "stretch")
    assert first.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert (tmp_path / KERAS_FILE).read_bytes() == CONTENT


def test_a_cut_connection_is_taken_up_where_it_broke_off(tmp_path: Path, serve: Serve) -> None:
    server = serve(CONTENT)
    server.faults = [("cut", 300_000)]
    from_server(server, tmp_path)
    assert server.requests == [None, "bytes=300000-"]
    assert (tmp_path / KERAS_FILE).read_bytes() == CONTENT


def test_a_server_that_cannot_resume_is_read_from_the_start(tmp_path: Path, serve: Serve) -> None:
    server = serve(CONTENT)
    server.faults, server.supports_range = [("cut", 300_000)], False
    from_server(server, tmp_path)
    assert (tmp_path / KERAS_FILE).read_bytes() == CONTENT


@pytest.mark.slow
def test_a_download_that_never_completes_is_refused_and_continued_next_time(tmp_path: Path, serve: Serve) -> None:
    server = serve(CONTENT)
    server.faults = [("cut", 1000)] * 3
    with pytest.raises(WeightsError, match="broke off after 3,000 bytes"):
        from_server(server, tmp_path)
    assert not (tmp_path / KERAS_FILE).exists()
    from_server(server, tmp_path)
    assert server.requests[-1] == "bytes=3000-"


def test_a_wrong_file_is_refused_with_both_hashes_and_not_kept(tmp_path: Path, serve: Serve) -> None:
    server = serve(CONTENT)
    with pytest.raises(WeightsError) as error:
        resolve("imagenet", cache_dir=tmp_path, url=server.url, md5="0" * 32)
    assert server.md5 in str(error.value)
    assert "0" * 32 in str(error.value)
    assert KERAS_FILE in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == [KERAS_FILE + ".lock"]


def test_a_damaged_file_in_the_cache_is_replaced(tmp_path: Path, serve: Serve) -> None:
    server, notes = serve(CONTENT), []
    (tmp_path / KERAS_FILE).write_bytes(CONTENT[:-1])
    from_server(server, tmp_path, log=notes.append)
    assert (tmp_path / KERAS_FILE).read_bytes() == CONTENT
    assert len(notes) == 1
    assert "is damaged" in notes[0]
    assert server.md5 in notes[0]


@pytest.mark.parametrize("status", [404, 500])
def test_a_refusal_of_the_server_is_passed_on(tmp_path: Path, serve: Serve, status: int) -> None:
    server = serve(CONTENT)
    server.faults = [status]
    with pytest.raises(WeightsError, match=rf"answered {status} .*LOOKALIKE_IMAGENET_URL"):
        from_server(server, tmp_path)


def test_without_a_setting_and_without_a_network_it_is_untrained_and_loud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editions, "BUNDLED", tmp_path)
    notes: list[str] = []
    found = resolve(None, cache_dir=tmp_path, url=unreachable(), log=notes.append)
    assert found.source == "untrained"
    assert "could not be reached" in notes[0]
    assert notes[1].startswith("USING AN UNTRAINED NETWORK")
    with pytest.raises(WeightsError, match="could not be reached"):
        resolve("imagenet", cache_dir=tmp_path, url=unreachable())


@pytest.fixture
def bundle(tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundled model, as released."""
    monkeypatch.setattr(editions, "BUNDLED", tmp_path / "bundle")
    path = tmp_path / "bundle" / "fashion-1.onnx"
    path.parent.mkdir()
    path.write_bytes(graph.read_bytes())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name("SHA256SUMS").write_text(f"{digest}  fashion-1.onnx\n")
    return path


@pytest.mark.slow
def test_without_a_setting_the_bundled_model_comes_first(tmp_path: Path, bundle: Path) -> None:
    for setting in ("", None, "bundled", "fashion"):
        found = resolve(setting, cache_dir=tmp_path, url=unreachable())
        assert (found.source, found.name, found.path, found.setting) == ("bundled", "fashion", bundle, "fashion-1")
        assert weights.is_ready_made(setting)


@pytest.mark.slow
def test_a_bundled_model_that_is_not_the_released_one_is_refused_with_both_hashes(tmp_path: Path, bundle: Path) -> None:
    released = bundle.with_name("SHA256SUMS").read_text().split()[0]
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError) as error:
        resolve("bundled", cache_dir=tmp_path)
    for part in (str(bundle), released, hashlib.sha256(bundle.read_bytes()).hexdigest()):
        assert part in str(error.value)
    notes: list[str] = []
    assert resolve(None, cache_dir=tmp_path, url=unreachable(), log=notes.append).source == "untrained"
    assert notes[0].startswith("The bundled model cannot be used: ")


@pytest.mark.slow
def test_a_name_means_the_newest_edition_and_a_number_an_edition(tmp_path: Path, bundle: Path) -> None:
    newer = bundle.with_name("fashion-10.onnx")
    newer.write_bytes(bundle.read_bytes() + b"\x2a\x00")
    sums, digest = bundle.with_name("SHA256SUMS"), hashlib.sha256(newer.read_bytes()).hexdigest()
    sums.write_text(f"{sums.read_text()}{'0' * 64}  fashion-2.onnx\n{digest}  fashion-10.onnx\n")
    for setting in (None, "bundled", "fashion", "fashion-10"):
        assert resolve(setting, cache_dir=tmp_path).sha256 == digest
    first = resolve("fashion-1", cache_dir=tmp_path)
    assert (first.name, first.path, first.setting) == ("fashion-1", bundle, "fashion-1")
    assert weights.setting_for(first.sha256, "bundled") == "fashion-1"
    with pytest.raises(WeightsError, match=r"does not contain fashion-2, only fashion-1 and fashion-10.*0{64}\.onnx"):
        resolve("fashion-2", cache_dir=tmp_path)
    with pytest.raises(WeightsError, match=r"There is no edition fashion-3\. This release contains fashion-1 and"):
        resolve("fashion-3", cache_dir=tmp_path)
    newer.unlink()
    bundle.unlink()
    with pytest.raises(WeightsError, match="No edition of fashion is bundled"):
        resolve("fashion", cache_dir=tmp_path)


def test_every_bundled_file_is_a_released_edition() -> None:
    released = {edition.path.name for edition in editions.editions()}
    assert {path.name for path in editions.BUNDLED.glob("*.onnx")} <= released


def test_without_a_bundled_model_asking_for_it_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editions, "BUNDLED", tmp_path)
    assert not weights.is_ready_made(None)
    with pytest.raises(WeightsError, match="No model is bundled"):
        resolve("bundled", cache_dir=tmp_path)


def test_inception_has_a_setting_of_its_own(tmp_path: Path, serve: Serve) -> None:
    server = serve(CONTENT)
    found = resolve("imagenet-inception", cache_dir=tmp_path, url=server.url, md5=server.md5, pooling="gem")
    assert (found.name, found.source, found.setting) == ("inception_v3-imagenet-gem", "imagenet", "imagenet-inception")
    assert (found.spec.backbone, found.spec.input_size, found.spec.fit) == ("inception_v3", 299, "stretch")
    assert found.path == tmp_path / KERAS_FILES["inception_v3"].name


def test_a_mirror_can_be_named(tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(CONTENT)
    monkeypatch.setenv("LOOKALIKE_IMAGENET_URL", server.url.removesuffix("/weights.h5"))
    assert resolve("imagenet", cache_dir=tmp_path, md5=server.md5).source == "imagenet"
    monkeypatch.setenv("LOOKALIKE_IMAGENET_URL", "file:///etc")
    with pytest.raises(WeightsError, match="not an http or https address"):
        resolve("imagenet", cache_dir=tmp_path / "other")
