"""`python -m ml …`, run as a user runs it."""

import csv
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ml import Embedder
from ml.__main__ import main
from ml.commands.common import described
from ml.files.features import Features, load, save
from ml.files.partial import Partial, Row, folder_for
from ml.pictures import codec
from ml.runtimes import Runtime
from ml.spec import LabelTask, ModelSpec
from ml.weights import Weights, read_variables, write_npz
from tests.ml.conftest import draw, encode

ROOT = Path(__file__).resolve().parents[3]


def ml(*arguments: object, cwd: Path = ROOT, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ml", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, **options)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(5):
        (folder / f"{seed}.jpg").write_bytes(encode(draw(seed=seed), "JPEG"))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not looked at")
    return folder


@pytest.fixture(scope="module")
def features(photos: Path, graph: Path, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("features") / "out.npz"
    done = ml("embed", photos, "-o", out, "--weights", "untrained", "--cache-dir", cache_dir)
    assert done.returncode == 0, done.stderr
    assert "5 pictures × 2048, 1 skipped" in done.stdout
    assert "1 skipped (unsupported_format 1):" in done.stderr
    assert "broken.jpg" in done.stderr
    assert not folder_for(out).exists()
    return out


@pytest.mark.slow
def test_embed_writes_names_vectors_and_what_made_them(features: Path, photos: Path) -> None:
    with np.load(features, allow_pickle=False) as file:
        assert file["names"].tolist() == [str(photos / f"{seed}.jpg") for seed in range(5)]
        assert (file["vectors"].shape, file["vectors"].dtype) == ((5, 2048), np.float32)
        assert json.loads(str(file["meta"]))["name"] == "resnet50-untrained"
    digests = [hashlib.sha256((photos / f"{seed}.jpg").read_bytes()).hexdigest() for seed in range(5)]
    assert load(features).digests == digests


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_search_finds_the_picture_itself_first(features: Path, photos: Path, cache_dir: Path, metric: str) -> None:
    found = ml("search", features, photos / "3.jpg", "-k", 2, "--metric", metric, "--json", "--cache-dir", cache_dir)
    answer = json.loads(found.stdout)
    assert (answer["model"], answer["metric"], len(answer["results"])) == ("resnet50-untrained", metric, 2)
    assert answer["results"][0]["name"] == str(photos / "3.jpg")
    assert answer["results"][0]["score"] == pytest.approx(1, abs=1e-5)
    assert answer["results"][1]["score"] < 0.9999


@pytest.mark.slow
def test_more_neighbours_than_pictures_are_all_there_are(features: Path, photos: Path, cache_dir: Path) -> None:
    found = ml("search", features, photos / "0.jpg", "-k", 99, "--cache-dir", cache_dir)
    assert len(found.stdout.splitlines()) == 5


@pytest.mark.slow
def test_vectors_of_different_models_are_not_compared(features: Path, photos: Path, cache_dir: Path) -> None:
    mixed = ml("search", features, photos / "0.jpg", "--pooling", "max", "--cache-dir", cache_dir)
    assert mixed.returncode == 2
    assert "different models" in mixed.stderr


@pytest.mark.slow
def test_a_photo_that_is_no_picture_is_an_error(features: Path, photos: Path, cache_dir: Path) -> None:
    refused = ml("search", features, photos / "broken.jpg", "--cache-dir", cache_dir)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "not a picture" in refused.stderr


@pytest.mark.slow
def test_a_zip_of_pictures_is_read_like_a_folder(photos: Path, graph: Path, cache_dir: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "catalog.zip", "w") as archive:
        archive.write(photos / "0.jpg", "images/0.jpg")
        archive.writestr("styles.csv", "id\n0\n")
    out = tmp_path / "deep" / "out.npz"
    done = ml("embed", tmp_path / "catalog.zip", "-o", out, "--weights", "untrained", "--cache-dir", cache_dir)
    assert done.returncode == 0, done.stderr
    with np.load(out) as file:
        assert file["names"].tolist() == [f"{tmp_path}/catalog.zip/images/0.jpg"]


@pytest.mark.slow
def test_parquet_holds_the_same_and_is_searched_the_same(features: Path, photos: Path, cache_dir: Path) -> None:
    out = features.with_suffix(".parquet")
    done = ml("embed", photos, "-o", out, "--weights", "untrained", "--cache-dir", cache_dir)
    assert done.returncode == 0, done.stderr
    expected, found = load(features), load(out)
    assert (found.names, found.digests, found.meta) == (expected.names, expected.digests, expected.meta)
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    first = ml("search", out, photos / "3.jpg", "-k", 1, "--no-sheet", "--cache-dir", cache_dir)
    assert first.stdout == f"1.0000  {photos / '3.jpg'}\n"


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """More pictures than a process can embed before it is killed."""
    (tmp_path / "many").mkdir()
    for seed in range(150):
        (tmp_path / "many" / f"{seed:03}.png").write_bytes(encode(draw(seed=seed)))
    (tmp_path / "many" / "005.png").write_bytes(b"no picture")
    return tmp_path / "many"


@pytest.mark.drill
def test_a_killed_run_goes_on_where_it_was(many: Path, graph: Path, cache_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.npz"
    command = ("embed", many, "-o", out, "--weights", "untrained", "--batch", 4, "--cache-dir", cache_dir)
    lines = folder_for(out) / "rows.jsonl"
    with subprocess.Popen([sys.executable, "-m", "ml", *map(str, command)], cwd=ROOT) as child:
        while not (lines.is_file() and lines.read_bytes().count(b"\n") > 20):
            assert child.poll() is None
            time.sleep(0.005)
        child.kill()
    assert child.returncode == -signal.SIGKILL
    assert not out.exists()
    with lines.open("ab") as file:
        file.write(b'{"name": "torn')
    (many / "002.png").write_bytes(encode(draw(seed=999)))  # another picture now
    (many / "003.png").unlink()
    (many / "0001-new.png").write_bytes(encode(draw(seed=1000)))

    resumed = ml(*command)
    assert (resumed.returncode, resumed.stdout) == (0, f"{out}: 149 pictures × 2048, 1 skipped\n")
    done = int(resumed.stderr.split("Resuming: ")[1].split(" of 150")[0])
    assert 18 <= done < 150
    assert not folder_for(out).exists()

    fresh = ml(*("embed", many, "-o", tmp_path / "fresh.npz", *command[4:]))
    assert fresh.returncode == 0
    expected, found = load(tmp_path / "fresh.npz"), load(out)
    assert (found.names, found.digests, found.meta) == (expected.names, expected.digests, expected.meta)
    # Batches that are cut elsewhere add up in another order.
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-5)


def limited_files(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.drill
def test_a_full_disk_is_one_sentence_and_loses_nothing(
    many: Path, graph: Path, cache_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "features.npz"
    command = ("embed", many, "-o", out, "--weights", "untrained", "--batch", 8, "--cache-dir", cache_dir)
    full = ml(*command, preexec_fn=limited_files(40 * 8192 + 100))
    assert full.returncode == 1
    assert full.stderr.splitlines()[-1] == (
        f"error: The disk of {out} is full. 40 of 150 pictures are kept in {folder_for(out)}: "
        "make room and repeat the command."
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features.npz.partial", "many"]
    resumed = ml(*command)
    assert resumed.returncode == 0
    assert "Resuming: 40 of 150" in resumed.stderr
    assert len(load(out).names) == 149


@pytest.mark.drill
def test_work_of_another_model_is_not_mixed_in(many: Path, graph: Path, cache_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.npz"
    command = ("embed", many, "-o", out, "--weights", "untrained", "--cache-dir", cache_dir)
    ml(*command, preexec_fn=limited_files(40 * 8192))
    rows = folder_for(out) / "rows.jsonl"
    head, _, rest = rows.read_text().partition("\n")
    rows.write_text(json.dumps(json.loads(head) | {"name": "other", "weights_sha256": "00"}) + "\n" + rest)
    refused = ml(*command)
    assert (refused.returncode, out.exists()) == (2, False)
    assert "begun with another model (other)" in refused.stderr
    assert ml(*command, "--restart").returncode == 0
    assert len(load(out).names) == 149


@pytest.mark.slow
def test_a_folder_without_pictures_is_said_to_be_one(tmp_path: Path, cache_dir: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    empty = ml("embed", tmp_path, "-o", tmp_path / "out.npz", "--weights", "untrained", "--cache-dir", cache_dir)
    assert (empty.returncode, empty.stdout) == (1, "")
    assert empty.stderr.startswith(f"error: no pictures in {tmp_path}: no name ends in .jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.slow
def test_only_bad_files_are_an_error_and_listed(graph: Path, cache_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "cut.jpg").write_bytes(encode(draw(), "JPEG")[:300])
    table = tmp_path / "lists" / "skipped.csv"
    options = ("--weights", "untrained", "--cache-dir", cache_dir, "--skipped", table)
    failed = ml("embed", tmp_path, "-o", tmp_path / "out.npz", *options)
    assert failed.returncode == 1
    assert failed.stderr.splitlines() == [
        "2 skipped (corrupt 1, empty 1):",
        f"  corrupt  {tmp_path / 'cut.jpg'}",
        f"  empty    {tmp_path / 'empty.jpg'}",
        "error: no picture could be embedded",
    ]
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["code"]) for row in rows] == [
        (str(tmp_path / "cut.jpg"), "corrupt"),
        (str(tmp_path / "empty.jpg"), "empty"),
    ]
    assert rows[1]["message"] == "The file is empty."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.jpg", "empty.jpg", "lists"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["features.csv", "", "taken.npz"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(name: str, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "taken.npz").mkdir()
    refused = ml("embed", photos, "-o", tmp_path / name, "--weights", "untrained")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert len(refused.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["taken.npz"]


class Whiteless(Runtime):
    """Stands in for a network that has no vector for a white picture."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    def _run(self, images: np.ndarray) -> Sequence[np.ndarray]:
        ink = 255 - images.reshape(-1, 80 * 80 * 3)[:, -2048:].astype(np.float32)
        with np.errstate(invalid="ignore"):
            return [ink / np.linalg.norm(ink, axis=1, keepdims=True)]


@pytest.fixture
def whiteless(monkeypatch: pytest.MonkeyPatch, untrained: Weights) -> None:
    embedder = Embedder(Whiteless(untrained.spec), untrained)
    monkeypatch.setattr("ml.commands.embed.load", lambda options: embedder)


def test_a_vector_that_is_not_finite_is_refused_and_the_others_kept(
    whiteless: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, colour in {"0": "black", "1": "white", "2": "navy", "3": "white", "search": "red"}.items():
        Image.new("RGB", (80, 80), colour).save(tmp_path / f"{name}.png")  # search.png: of an earlier search
    assert main(["embed", str(tmp_path), "-o", str(tmp_path / "out.npz"), "--batch", "3"]) == 0
    assert [Path(name).name for name in load(tmp_path / "out.npz").names] == ["0.png", "2.png"]
    assert "2 skipped (bad_vector 2):" in capsys.readouterr().err


def test_a_file_names_its_views_and_a_stopped_run_is_not_continued_with_others(
    whiteless: None, untrained: Weights, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    picture = draw(80, 80, seed=2)
    picture.save(tmp_path / "photos" / "0.png")
    out = tmp_path / "out.npz"
    command = ["embed", str(tmp_path / "photos"), "-o", str(out), "--views"]
    assert main([*command, "2"]) == 0
    found = load(out)
    assert found.meta["views"] == 2
    inputs = [codec.to_input(np.asarray(picture), untrained.spec)]
    np.testing.assert_allclose(found.vectors, Whiteless(untrained.spec).embed(inputs, views=2), atol=1e-6)
    assert main([*command, "1"]) == 0
    assert "views" not in load(out).meta, "as in files of earlier releases"

    begun = Partial(folder_for(out), described(untrained) | {"views": 4}, 2048)
    begun.add([Row("gone.png", "")], np.eye(1, 2048, dtype=np.float32))
    begun.close()
    assert main([*command, "2"]) == 2
    assert "was begun with another model (resnet50-untrained, 4 views)" in capsys.readouterr().err
    assert main([*command, "2", "--restart"]) == 0
    assert len(load(out).names) == 1


def test_a_model_without_one_good_vector_is_said_to_be_damaged(
    whiteless: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (80, 80), "white").save(tmp_path / "0.png")
    assert main(["embed", str(tmp_path), "-o", str(tmp_path / "out.npz")]) == 1
    assert "weights are damaged. Its vector is unusable: not finite" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["0.png"]


def test_a_network_without_a_vector_for_a_photo_ends_search_in_one_sentence(
    untrained: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    embedder = Embedder(Whiteless(untrained.spec), untrained)
    monkeypatch.setattr("ml.commands.search.load", lambda options, **_: embedder)
    meta = described(untrained) | {"weights": untrained.setting}
    save(tmp_path / "known.npz", Features(["a.jpg"], np.eye(1, 2048, dtype=np.float32), meta))
    Image.new("RGB", (80, 80), "white").save(tmp_path / "white.png")
    assert main(["search", str(tmp_path / "known.npz"), str(tmp_path / "white.png")]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: Vector 0: not finite, expected length 1. The weights seem to be damaged: ")


@pytest.mark.parametrize("command", [("search", "a.jpg"), ("whiten", "-o", "out.npz")])
def test_vectors_of_an_unknown_model_are_refused(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "known.npz"
    save(file, Features(["a.jpg"], np.eye(1, 4, dtype=np.float32), {"spec": {"dimension": 4}}))
    assert main([command[0], str(file), *command[1:]]) == 2
    assert capsys.readouterr().err == (
        f"error: {file} does not say which model made it (missing in meta: name). Make it again with "
        "`python -m ml embed`.\n"
    )


@pytest.mark.parametrize(
    "command",
    [("split", "set", "-o", "s.json", "--seed"), ("split", "set", "-o", "s.json", "--hold-out"),
     ("evaluate", "set", "--seed")],
)  # fmt: skip
def test_a_negative_number_where_none_can_be_is_wrong_usage(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command, "-1"])
    assert caught.value.code == 2
    assert f"argument {command[-1]}: '-1' is not a whole number, 0 or more" in capsys.readouterr().err


@pytest.fixture(scope="module")
def labelled(untrained: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The untrained network with two label heads."""
    tasks = (
        LabelTask("type", "pooled", ("Dresses", "Shirts", "Shoes")),
        LabelTask("gender", "pooled", ("Men", "Women")),
    )
    spec = replace(untrained.spec, labels=tasks)
    random = np.random.default_rng(5)
    heads = {f"labels/{task.name}/kernel": random.normal(size=(2048, len(task.names))) for task in tasks}
    heads |= {f"labels/{task.name}/bias": np.zeros(len(task.names)) for task in tasks}
    path = tmp_path_factory.mktemp("labelled") / "labelled.npz"
    write_npz(path, read_variables(untrained) | heads, spec)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["out.npz", "out.parquet"])
def test_predicted_labels_are_beside_the_vectors(
    kind: str, labelled: Path, photos: Path, cache_dir: Path, tmp_path: Path
) -> None:
    done = ml("embed", photos, "-o", tmp_path / kind, "--weights", labelled, "--cache-dir", cache_dir)
    assert done.returncode == 0, done.stderr
    features = load(tmp_path / kind)
    pictures = [photos / f"{seed}.jpg" for seed in range(5)]
    _, expected = Embedder.load(str(labelled), cache_dir=cache_dir).embed_labelled(pictures)
    assert set(features.predicted) == {"type", "gender"}
    for task, names in {"type": ("Dresses", "Shirts", "Shoes"), "gender": ("Men", "Women")}.items():
        assert features.predicted[task].labels == [names[winner] for winner in expected[task].argmax(axis=1)]
        np.testing.assert_allclose(features.predicted[task].confidences, expected[task].max(axis=1), atol=1e-5)

    search = ("search", tmp_path / kind, photos / "3.jpg", "-k", 1, "--cache-dir", cache_dir)
    answer = json.loads(ml(*search, "--json").stdout)
    assert answer["labels"]["type"]["label"] == features.predicted["type"].labels[3]
    assert answer["results"][0]["labels"]["gender"]["label"] == features.predicted["gender"].labels[3]
    shown = ml(*search).stdout.splitlines()
    assert shown[0].startswith(f"{photos / '3.jpg'}  type {features.predicted['type'].labels[3]} ")
    assert shown[1] == f"1.0000  {photos / '3.jpg'}"


@pytest.mark.slow
def test_search_writes_a_sheet_with_a_row_for_each_photo(features: Path, photos: Path, cache_dir: Path) -> None:
    sheet = features.with_name("search.png")
    one = ml("search", features, photos / "3.jpg", "-k", 3, "--cache-dir", cache_dir)
    assert one.stderr == f"Contact sheet: {sheet}\n"
    with Image.open(sheet) as picture:
        width, height = picture.size
    two = ml("search", features, photos / "3.jpg", photos / "4.jpg", "-k", 3, "--cache-dir", cache_dir)
    assert two.stdout.splitlines()[0::4] == [str(photos / "3.jpg"), str(photos / "4.jpg")]
    assert two.stdout.splitlines()[1::4] == [f"1.0000  {photos / name}" for name in ("3.jpg", "4.jpg")]
    with Image.open(sheet) as picture:
        assert (picture.width, picture.height > 1.5 * height) == (width, True)
    sheet.unlink()


@pytest.mark.slow
def test_a_sheet_goes_where_it_is_told_or_nowhere(
    features: Path, photos: Path, cache_dir: Path, tmp_path: Path
) -> None:
    search = ("search", features, photos / "3.jpg", "--cache-dir", cache_dir)
    assert ml(*search, "--no-sheet").stderr == ""
    assert ml(*search, "--json").stderr == ""
    assert not features.with_name("search.png").exists()
    ml(*search, "--json", "--sheet", tmp_path / "deep" / "mine.png")
    assert Image.open(tmp_path / "deep" / "mine.png").format == "PNG"
    blocked = ml(*search, "--sheet", photos / "3.jpg" / "mine.png")
    assert blocked.returncode == 1
    assert "cannot be written" in blocked.stderr


@pytest.mark.slow
def test_a_picture_that_is_gone_is_a_grey_tile(features: Path, photos: Path, cache_dir: Path, tmp_path: Path) -> None:
    gone = tmp_path / "features.npz"
    known = load(features)
    with np.load(features) as file:
        np.savez(gone, **(dict(file) | {"names": np.array([*known.names[:-1], "/gone/4.jpg"])}))
    found = ml("search", gone, photos / "4.jpg", "-k", 2, "--cache-dir", cache_dir)
    assert found.stdout.splitlines()[0] == "1.0000  /gone/4.jpg"
    assert (np.asarray(Image.open(tmp_path / "search.png")) == 0xE4).all(axis=2).sum() >= 140 * 140


@pytest.mark.slow
def test_relative_names_are_found_from_another_folder_too(
    photos: Path, graph: Path, cache_dir: Path, tmp_path: Path
) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    options = ("--weights", "untrained", "--cache-dir", cache_dir)
    ml("embed", "photos", "-o", "features.npz", *options, cwd=tmp_path, env=environment)
    assert load(tmp_path / "features.npz").names[0] == "photos/0.jpg"
    ml("search", tmp_path / "features.npz", photos / "0.jpg", "--cache-dir", cache_dir)
    assert (np.asarray(Image.open(tmp_path / "search.png")) == 0xE4).all(axis=2).sum() < 1000


@pytest.mark.slow
def test_search_keeps_to_a_budget(features: Path, photos: Path, cache_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("name,price\n0,9.50\n1.jpg,30\nphotos0/2.jpg,99\n3,4\n", "utf-8-sig")
    search = ("search", features, photos / "1.jpg", "--prices", tmp_path / "prices.csv", "--cache-dir", cache_dir)
    everything = json.loads(ml(*search, "--json").stdout)
    prices = {Path(result["name"]).name: result["price"] for result in everything["results"]}
    assert {name: prices[name] for name in ("0.jpg", "1.jpg", "3.jpg", "4.jpg")} == {
        "0.jpg": 9.5, "1.jpg": 30.0, "3.jpg": 4.0, "4.jpg": None,
    }  # fmt: skip
    cheap = ml(*search, "--price-max", 9.5, "--no-sheet")
    assert sorted(line.split()[1:] for line in cheap.stdout.splitlines()) == [
        ["4.00", str(photos / "3.jpg")],
        ["9.50", str(photos / "0.jpg")],
    ]
    nothing = ml(*search, "--price-max", 1)
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "no picture has a price of at most 1" in nothing.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "complaint"),
    [("name\n1\n", "columns name and price"), ("name,price\n1,cheap\n", "line 2: 'cheap'"), (None, "cannot be read")],
)
def test_a_list_of_prices_that_is_none_is_refused(
    content: str | None, complaint: str, features: Path, photos: Path, tmp_path: Path, cache_dir: Path
) -> None:
    if content:
        (tmp_path / "prices.csv").write_text(content)
    options = ("--prices", tmp_path / "prices.csv", "--price-max", 5, "--cache-dir", cache_dir)
    refused = ml("search", features, photos / "1.jpg", *options)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert complaint in refused.stderr


@pytest.mark.slow
def test_a_budget_needs_prices(features: Path, photos: Path) -> None:
    refused = ml("search", features, photos / "1.jpg", "--price-max", 5)
    assert refused.returncode == 2
    assert "--prices" in refused.stderr


@pytest.mark.slow
def test_a_photo_may_be_in_a_zip_file(features: Path, photos: Path, cache_dir: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "catalog.zip", "w") as archive:
        archive.write(photos / "2.jpg", "images/2.jpg")
    search = ("search", features, f"{tmp_path}/catalog.zip/images/2.jpg", "-k", 1, "--no-sheet")
    assert ml(*search, "--cache-dir", cache_dir).stdout == f"1.0000  {photos / '2.jpg'}\n"


@pytest.mark.slow
def test_a_reader_that_has_enough_ends_it_quietly(features: Path, photos: Path, cache_dir: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    arguments = ("search", features, photos / "1.jpg", "--no-sheet", "--cache-dir", cache_dir)
    command = [sys.executable, "-m", "ml", *map(str, arguments)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_compact_graph_is_exported_and_embeds_alike(
    features: Path, photos: Path, cache_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "compact.onnx"
    export = ("export", "--weights", "untrained", "--out", out, "--json", "--cache-dir", cache_dir)
    answer = json.loads(ml(*export, "--precision", "compact").stdout)
    assert answer["precision"] == "compact"
    assert answer["graph_sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    expected = load(features)
    pictures = [photos / f"{seed}.jpg" for seed in range(5)]
    vectors = Embedder.load(str(out), cache_dir=cache_dir).embed(pictures)
    assert (vectors * expected.vectors).sum(axis=1).min() > 0.99


@pytest.mark.slow
def test_int8_needs_pictures_to_be_calibrated_on(tmp_path: Path) -> None:
    refused = ml("export", "--weights", "untrained", "--out", tmp_path / "int8.onnx", "--precision", "int8")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--calibrate" in refused.stderr


@pytest.mark.slow
def test_weights_says_what_would_be_used(cache_dir: Path) -> None:
    shown = ml("weights", "--weights", "untrained", "--json", "--cache-dir", cache_dir)
    answer = json.loads(shown.stdout)
    assert (answer["source"], answer["path"], answer["spec"]["dimension"]) == ("untrained", None, 2048)
    assert "resnet50-untrained  (untrained)" in ml("weights", "--weights", "untrained").stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "--weights", "no-such.npz", "--out", "x.onnx", "--json"),
        ("weights", "--weights", "no-such.npz"),
        ("search", "no-such.npz", "photo.jpg"),
        ("embed", "no-such-folder", "-o", "x.npz", "--weights", "untrained"),
    ],
)
def test_what_does_not_exist_is_one_clear_line_and_exit_code_2(arguments: tuple[str, ...]) -> None:
    failed = ml(*arguments)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("error: ")
    assert "no-such" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


@pytest.mark.slow
def test_help_teaches_with_examples() -> None:
    shown = ml("--help")
    assert shown.returncode == 0
    for command in ("weights", "embed", "search", "evaluate", "split", "train", "whiten", "export"):
        assert f"python -m ml {command}" in shown.stdout


@pytest.mark.slow
def test_maps_are_printed_and_drawn(tmp_path: Path, cache_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(encode(draw(160, 120)))
    arguments = ["maps", str(photo), "--weights", "bundled", "--cache-dir", str(cache_dir)]
    assert main([*arguments, "--out", str(tmp_path / "maps.png")]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{photo}  ")
    assert first.endswith("%")
    with Image.open(tmp_path / "maps.png", formats=("PNG",)) as drawn:
        assert drawn.width > 2 * 320
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["photo"], told["model"]) == (str(photo), "lookalike-fashion")
    left, top, right, bottom = told["regions"][0]["box"]
    assert 0 <= left < right <= 160
    assert 0 <= top < bottom <= 120
    assert told["regions"][0]["score"] == 1
    assert main([*arguments, "--out", str(tmp_path / "maps.jpg")]) == 2
    assert "must end in .png" in capsys.readouterr().err
    assert main(["maps", str(tmp_path / "none.jpg"), "--cache-dir", str(cache_dir)]) == 1


@pytest.mark.slow
def test_export_writes_the_maps_of_a_bundled_model_after_its_bytes(tmp_path: Path, cache_dir: Path) -> None:
    arguments = ["export", "--weights", "bundled", "--cache-dir", str(cache_dir), "--out"]
    assert main([*arguments, str(tmp_path / "plain.onnx")]) == 0
    assert main([*arguments, str(tmp_path / "maps.onnx"), "--maps"]) == 0
    plain, maps = ((tmp_path / name).read_bytes() for name in ("plain.onnx", "maps.onnx"))
    assert len(plain) < len(maps)
    assert maps.startswith(plain)
