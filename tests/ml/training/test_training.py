"""Real training from the command line, at 32 pixels so that it takes seconds."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from ml import Embedder
from ml.__main__ import main
from ml.datasets import Prepared, Sample, Split, read_split, write_split
from ml.spec import ModelSpec
from ml.training import state
from ml.training.report import remove_report, write_report
from ml.training.sources import LabelledSet, data_digest, held_out, renamed
from ml.training.state import Average, Checkpoint, Position, TrainingError
from ml.weights import resolve
from tests.ml.random_networks import saved

ROOT = Path(__file__).resolve().parents[3]
QUICK = ["--init", "untrained", "--sizes", "32x2", "--steps", "3", "--classes", "3", "--each", "2", "--gallery", "20"]
QUICK += ["--refit-epochs", "2"]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of twelve pictures that any network can distinguish: one colour each."""
    folder = tmp_path_factory.mktemp("shapes")
    random = np.random.default_rng(0)
    for name, colour in {"Red": (200, 30, 30), "Green": (30, 160, 40), "Blue": (40, 50, 200)}.items():
        (folder / name).mkdir()
        for number in range(12):
            pixels = np.full((40, 40, 3), 255, np.uint8)
            top, left = random.integers(2, 14, 2)
            pixels[top : top + 22, left : left + 22] = np.clip(np.array(colour) + random.integers(-20, 20, 3), 0, 255)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def train(data: Path, out: Path, cache: Path, *options: str) -> int:
    return main(["train", str(data), "--out", str(out), "--cache-dir", str(cache), *QUICK, *options])


@pytest.mark.drill
@pytest.mark.parametrize(
    ("loss", "dimension", "labels"),
    [
        ("classic-triplet", 256, set()),
        ("triplet", 256, set()),
        ("classify", 2048, {"type"}),
        ("joint", 256, {"type"}),
        ("softmax", 256, {"type"}),
    ],
)
def test_each_loss_gives_a_model_that_embeds(
    loss: str, dimension: int, labels: set[str], shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(shapes, tmp_path / "run", tmp_path / "cache", "--loss", loss) == 0
    assert str(tmp_path / "run" / "model.npz") in capsys.readouterr().out
    embedder = Embedder.load(str(tmp_path / "run" / "model.npz"), cache_dir=tmp_path / "cache")
    vectors = embedder.embed([shapes / "Red" / "1.png", shapes / "Blue" / "1.png"])
    assert vectors.shape == (2, dimension)
    assert set(embedder.labels) == labels

    report = json.loads((tmp_path / "run" / "report.json").read_text())
    heads_alone = loss in ("joint", "softmax")
    assert [entry["epoch"] for entry in report["epochs"]] == [1, 2, 3][: 3 if heads_alone else 2]
    assert all(np.isfinite(entry["training"]["loss"]) for entry in report["epochs"][:2])
    assert {"type_p10", "type_map_r"} <= report["epochs"][0]["validation"].keys()
    if loss == "classic-triplet":
        assert 0 <= report["epochs"][0]["training"]["accuracy_triplet"] <= 1
    if labels:
        assert {"type_accuracy", "type_macro_f", "type_weighted_f"} <= report["epochs"][0]["validation"].keys()
        assert (tmp_path / "run" / "confusion-type.png").is_file()
    for name in ("index.html", "curves.png", "neighbours.png"):
        assert (tmp_path / "run" / name).stat().st_size > 0


@pytest.mark.drill
def test_a_killed_training_goes_on_to_the_same_model(shapes: Path, tmp_path: Path) -> None:
    options = ["--loss", "joint", "--checkpoint-minutes", "0"]
    assert train(shapes, tmp_path / "whole", tmp_path / "cache", *options) == 0

    command = [sys.executable, "-m", "ml", "train", str(shapes), "--out", str(tmp_path / "killed"), "--cache-dir",
               str(tmp_path / "cache"), *QUICK, *options]  # fmt: skip
    killed = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    checkpoint = tmp_path / "killed" / "checkpoint.npz"
    deadline = time.monotonic() + 240
    while not checkpoint.is_file() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert checkpoint.is_file()
    assert not (tmp_path / "killed" / "index.html").is_file(), "killed too late to show anything"

    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Resuming at epoch 1, step" in finished.stderr
    # Vectors, not weights: sums in another order change the last bits, and Adam's first steps take only signs.
    pictures = [shapes / name / "3.png" for name in ("Red", "Green", "Blue")]
    whole, resumed = (
        Embedder.load(str(tmp_path / run / "model.npz"), cache_dir=tmp_path / "cache").embed(pictures)
        for run in ("whole", "killed")
    )
    assert (whole * resumed).sum(axis=1).min() > 0.999


@pytest.mark.drill
def test_a_trained_model_is_where_the_next_training_starts(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(shapes, tmp_path / "first", tmp_path / "cache", "--loss", "joint")
    first = tmp_path / "first" / "model.npz"
    assert train(shapes, tmp_path / "second", tmp_path / "cache", "--loss", "joint", "--init", str(first)) == 0
    assert "The heads embedding, type start from model" in capsys.readouterr().err
    assert resolve(str(tmp_path / "second" / "model.npz"), cache_dir=tmp_path).spec.dimension == 256


@pytest.mark.drill
def test_other_options_than_the_checkpoint_has_are_refused(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(shapes, tmp_path / "run", tmp_path / "cache", "--loss", "joint")
    capsys.readouterr()
    assert train(shapes, tmp_path / "run", tmp_path / "cache", "--loss", "joint", "--margin", "0.3") == 1
    assert "belongs to a training with another margin" in capsys.readouterr().err


@pytest.mark.drill
def test_a_loss_that_is_not_finite_ends_the_training_and_keeps_no_model(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(shapes, tmp_path / "run", tmp_path / "cache", "--learning-rate", "1e30", "--frozen-epochs", "0") == 1
    assert "smaller --learning-rate" in capsys.readouterr().err
    assert not (tmp_path / "run" / "model.npz").exists()


def test_one_class_is_nothing_to_learn(tmp_path: Path, shapes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "Red").symlink_to(shapes / "Red")
    only = tmp_path / "only" / "Red"
    only.mkdir(parents=True)
    for path in (shapes / "Red").iterdir():
        (only / path.name).write_bytes(path.read_bytes())
    assert train(tmp_path / "only", tmp_path / "run", tmp_path / "cache") == 2
    assert "at least two class folders" in capsys.readouterr().err


def test_classes_of_one_picture_give_no_triplet(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("Red", "Green", "Blue"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "1.png").write_bytes((shapes / name / "1.png").read_bytes())
    assert train(tmp_path / "set", tmp_path / "run", tmp_path / "cache", "--loss", "triplet") == 2
    assert "No class has two pictures" in capsys.readouterr().err


@pytest.mark.slow
def test_what_cannot_be_trained_is_said_before_anything_is_read(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(shapes, tmp_path / "run", tmp_path / "cache", "--sizes", "48x1,32x2") == 2
    assert "the last size must be the largest, 48" in capsys.readouterr().err
    assert train(shapes, tmp_path / "run", tmp_path / "cache", "--init", str(inception(tmp_path))) == 2
    assert "inception is not a ResNet50" in capsys.readouterr().err


def inception(folder: Path) -> Path:
    saved(folder / "inception.npz", ModelSpec("inception_v3", 80, "stretch", "avg", 2048))
    return folder / "inception.npz"


@pytest.mark.drill
def test_a_small_network_learns_photos_of_any_size_from_a_teacher(shapes: Path, tmp_path: Path) -> None:
    lite = ModelSpec("efficientnet_lite0", 32, "letterbox", "avg", 1280)
    saved(tmp_path / "lite.npz", lite)
    (tmp_path / "map.json").write_text(json.dumps({"Red": ["Red", "Blue"], "Green": "Green", "Blue": None}))
    real = [
        "--views",
        "real",
        "--train-norms",
        "--cosine-margin",
        "0.2",
        "--sizes",
        "32-40x2",
        "--steps",
        "2",
        "--own-types",
    ]
    extra = ["--extra", str(shapes), "--extra-classes", str(tmp_path / "map.json"), "--extra-share", "0.5"]
    start = ["--init", str(tmp_path / "lite.npz"), "--teacher", str(tmp_path / "lite.npz")]
    assert train(shapes, tmp_path / "run", tmp_path / "cache", *real, *extra, *start) == 0
    found = resolve(str(tmp_path / "run" / "model.npz"), cache_dir=tmp_path)
    assert (found.spec.backbone, found.spec.input_size, found.spec.dimension) == ("efficientnet_lite0", 40, 256)
    assert {task.name: task.names for task in found.spec.labels} == dict.fromkeys(
        ("type", "own_type"), ("Blue", "Green", "Red")
    )
    assert dict(found.spec.parts[0].towards) == {"type": 1.0, "own_type": 0.5}
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert {"loss_relations", "loss_acceptable"} <= report["epochs"][0]["training"].keys()
    # The vectors of a teacher of the same length are followed in direction too.
    again = ["--init", str(tmp_path / "run" / "model.npz"), "--teacher", str(tmp_path / "run" / "model.npz")]
    assert train(shapes, tmp_path / "second", tmp_path / "cache", *real, *extra, *again) == 0
    report = json.loads((tmp_path / "second" / "report.json").read_text())
    assert "loss_cosine" in report["epochs"][0]["training"]


def test_an_empty_folder_is_refused_before_anything_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "set").mkdir()
    assert train(tmp_path / "set", tmp_path / "run", tmp_path / "cache") == 2
    assert "contains no labelled pictures" in capsys.readouterr().err


@pytest.mark.drill
def test_a_type_held_out_of_training_stays_out_whatever_an_extra_set_calls_it(shapes: Path, tmp_path: Path) -> None:
    sides = {
        f"{name}/{number}.png": "val" if number < 2 else "train" for name in ("Red", "Green") for number in range(12)
    }
    blue = {f"Blue/{number}.png": "test" for number in range(12)}
    write_split(tmp_path / "split.json", Split(sides | blue, ("Blue",)))
    extra = tmp_path / "extra"
    for ours, theirs in {"Blue": "Azul", "Green": "Verde"}.items():
        (extra / theirs).mkdir(parents=True)
        for path in (shapes / ours).iterdir():
            (extra / theirs / path.name).write_bytes(path.read_bytes())
    (tmp_path / "classes.json").write_text(json.dumps({"Azul": ["Blue", "Navy"], "Verde": "Green"}))
    options = ["--split", str(tmp_path / "split.json"), "--extra", str(extra), "--loss", "classic-triplet",
               "--extra-classes", str(tmp_path / "classes.json"), "--sizes", "32x1", "--steps", "1"]  # fmt: skip
    assert train(shapes, tmp_path / "run", tmp_path / "cache", *options) == 0

    chosen = read_split(tmp_path / "run" / "split-extra.json")
    assert {name.partition("/")[0] for name, side in chosen.sides.items() if side == "train"} == {"Verde"}
    training = resolve(str(tmp_path / "run" / "model.npz"), cache_dir=tmp_path).extra["training"]
    assert training["held_out_types"] == ["Blue"]
    assert training["pictures"][0] == 20


def test_what_shares_a_group_with_a_held_out_type_is_held_out_too() -> None:
    samples = [sample(name, type=kind) for name, kind in {"a": "Watch", "b": "Strap", "c": "Shoe"}.items()]
    chosen = held_out(Split(dict.fromkeys("abc", "train")), samples, np.array([0, 0, 2]), ("Watch",))
    assert chosen == Split({"a": "test", "b": "test", "c": "train"}, ("Watch",))


def test_a_class_map_names_a_type_anew_or_takes_it_away() -> None:
    classes = {"Longsleeve": ["Tshirts", "Tops"], "Other": None, "Hat": "Caps"}
    samples = [sample(kind, type=kind, colour="Red") for kind in ("Longsleeve", "Other", "Hat", "Shoes")]
    assert [of.labels.get("type") for of in renamed(samples, classes)] == ["Tshirts", None, "Caps", "Shoes"]
    assert {of.labels["colour"] for of in renamed(samples, classes)} == {"Red"}


@pytest.mark.parametrize("other", [3, ["Red", 3], {"Red": 1}])
def test_a_class_map_of_another_form_is_refused(
    other: object, shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "classes.json").write_text(json.dumps({"Verde": other}))
    options = ["--extra", str(shapes), "--extra-classes", str(tmp_path / "classes.json")]
    assert train(shapes, tmp_path / "run", tmp_path / "cache", *options) == 2
    assert "Verde must map to a name, a list of names, or null" in capsys.readouterr().err


def test_one_class_is_nothing_to_learn_even_beside_an_extra_set(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only = tmp_path / "only" / "Red"
    only.mkdir(parents=True)
    for path in (shapes / "Red").iterdir():
        (only / path.name).write_bytes(path.read_bytes())
    options = ["--loss", "classic-triplet", "--extra", str(shapes)]
    assert train(tmp_path / "only", tmp_path / "run", tmp_path / "cache", *options) == 2
    assert "at least two class folders" in capsys.readouterr().err


def test_after_forty_steps_the_average_is_near_the_late_weights() -> None:
    average = Average(0.999)
    for step in range(1, 41):
        weight = 1 - np.exp(-step / 6)  # from random, 0, to what is learned, 1
        if step % average.every == 0:
            average.update({"w": np.array([weight], np.float32)})
    assert average.updates == 5
    assert average.values["w"][0] == pytest.approx(weight, abs=0.03)


def test_an_average_goes_on_after_a_checkpoint_as_if_there_had_been_none(tmp_path: Path) -> None:
    whole = Average(0.999)
    for weight in (1.0, 2.0, 3.0):
        whole.update({"w": np.full(1, weight)})
    state.save(tmp_path / "checkpoint.npz", checkpoint(averages=whole.values, averaged=whole.updates))
    kept = state.load(tmp_path / "checkpoint.npz")
    resumed = Average(0.999)
    resumed.values, resumed.updates = dict(kept.averages), kept.position.averaged
    for average in (whole, resumed):
        average.update({"w": np.full(1, 9.0)})
    assert resumed.values["w"] == whole.values["w"]


def test_weights_that_are_not_finite_overwrite_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    state.save(path, checkpoint(weights={"w": np.ones(2)}))
    for bad in ({"weights": {"w": np.array([1, np.nan])}}, {"averages": {"w": np.array([1, np.inf])}}):
        with pytest.raises(TrainingError, match="smaller --learning-rate"):
            state.save(path, checkpoint(**bad))
    assert state.load(path).weights["w"].tolist() == [1, 1]
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.npz"]


def test_a_checkpoint_of_other_data_or_options_is_refused_with_both_ways_out() -> None:
    kept = {"margin": 0.2, state.DATA: "aa"}
    state.check_agrees(Path("c.npz"), kept, dict(kept))
    for asked, reason in (
        ({"margin": 0.2, state.DATA: "bb"}, "on other data"),
        ({"margin": 0.3, state.DATA: "aa"}, "with another margin"),
        ({"margin": 0.3, state.DATA: "bb"}, "with another margin"),
    ):
        with pytest.raises(TrainingError, match=reason) as refused:
            state.check_agrees(Path("c.npz"), kept, asked)
        assert "--restart" in str(refused.value)
        assert "another folder with --out" in str(refused.value)


def test_the_digest_of_the_data_changes_with_pictures_labels_and_classes_but_not_with_the_test_side() -> None:
    samples = [sample("a", type="Red"), sample("b", type="Blue"), sample("c", type="Red")]
    prepared = Prepared(samples, np.zeros((3, 1, 1, 3), np.uint8), ["1", "2", "3"])
    first = LabelledSet(prepared, Split({"a": "train", "b": "train", "c": "test"}))
    known = {"type": ("Blue", "Red")}
    digest = data_digest([first], known)

    def changed(**parts: object) -> bool:
        return data_digest([replace(first, prepared=replace(prepared, **parts))], known) != digest

    assert not changed(digests=["1", "2", "9"])
    assert changed(digests=["1", "9", "3"])
    assert changed(samples=[samples[0], sample("b", type="Red"), samples[2]])
    assert data_digest([first, first], known) != digest
    assert data_digest([first], {"type": ("Blue", "Red", "White")}) != digest


def test_a_second_training_in_the_same_folder_is_refused(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with state.locked(tmp_path / "run"):
        assert train(shapes, tmp_path / "run", tmp_path / "cache") == 1
    assert f"Another process is training in {tmp_path / 'run'}" in capsys.readouterr().err
    with state.locked(tmp_path / "run"):
        pass


@pytest.mark.slow
def test_restart_forgets_model_and_report_but_not_the_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ml.commands import train_run

    left = ["checkpoint.npz", "model.npz", "index.html", "report.json", "curves.png", "neighbours.png",
            "confusion-type.png", "split.json", "split-photos.json"]  # fmt: skip
    for name in left:
        (tmp_path / name).touch()

    def stop(run: object) -> None:
        raise TrainingError("far enough")

    monkeypatch.setattr(train_run, "Trainer", stop)
    with pytest.raises(TrainingError, match="far enough"):
        train_run.train_with_progress(
            SimpleNamespace(folder=tmp_path, seed=0),  # type: ignore[arg-type]
            spec=ModelSpec("resnet50", 32, "letterbox", "avg", 2048),
            vocabulary={},
            how=None,
            started_from="untrained",
            data="shapes",
            restart=True,
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["split-photos.json", "split.json"]


EPOCH = {"epoch": 1, "size": 32, "training": {"loss": 1.0}, "validation": {}, "best": True, "seconds": 1.0}


@pytest.mark.slow
def test_a_report_shows_no_pictures_of_a_run_before(tmp_path: Path) -> None:
    (tmp_path / "confusion-colour.png").touch()
    write_report(tmp_path, [EPOCH], found=None, held=None, vocabulary={}, about={})
    assert "curves.png" in (tmp_path / "index.html").read_text()
    assert "confusion" not in (tmp_path / "index.html").read_text()
    remove_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_report_that_cannot_be_written_leaves_no_drafts(tmp_path: Path) -> None:
    (tmp_path / "curves.png").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_report(tmp_path, [EPOCH], found=None, held=None, vocabulary={}, about={})
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


def test_a_split_that_cannot_be_written_is_one_sentence(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run" / "split.json").mkdir(parents=True)
    assert train(shapes, tmp_path / "run", tmp_path / "cache") == 1
    assert "split.json cannot be written (Is a directory). Make room and repeat" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [".lock", "split.json"]


@pytest.mark.slow
def test_a_split_of_another_set_is_called_that(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_split(tmp_path / "split.json", Split({"images/1.jpg": "train"}))
    options = ["--split", str(tmp_path / "split.json")]
    assert train(shapes, tmp_path / "run", tmp_path / "cache", *options) == 2
    said = capsys.readouterr().err
    assert "None of the 36 pictures" in said
    assert "lacks 36 of them" in said
    assert f"python -m ml split {shapes}" in said


def test_pictures_that_a_split_does_not_know_are_counted(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_split(tmp_path / "split.json", Split({f"Red/{number}.png": "train" for number in range(12)}))
    assert train(shapes, tmp_path / "run", tmp_path / "cache", "--split", str(tmp_path / "split.json")) == 2
    assert "lacks 24 of the 36 pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--extra-share", "1", "'1' is not a number from 0 to 0.9"),
        ("--averaging", "1", "'1' is not a number from 0 to below 1"),
        ("--averaging", "nan", "'nan' is not a number from 0 to below 1"),
        ("--power", "-0.5", "'-0.5' is not a number from 0"),
        ("--power", "much", "'much' is not a number from 0"),
        ("--seed", "-1", "'-1' is not a whole number, 0 or more"),
    ],
)
def test_numbers_out_of_range_are_refused_by_their_option(
    option: str, value: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        train(tmp_path, tmp_path / "run", tmp_path / "cache", f"{option}={value}")
    assert f"argument {option}: {reason}" in capsys.readouterr().err


def test_without_matplotlib_no_training_begins(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert train(shapes, tmp_path / "run", tmp_path / "cache") == 1
    assert "install requirements/worker.txt" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_model_is_not_trained_over_itself(shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    saved(tmp_path / "run" / "model.npz", ModelSpec("resnet50", 80, "stretch", "avg", 2048))
    options = ["--init", str(tmp_path / "run" / "model.npz"), "--restart"]
    assert train(shapes, tmp_path / "run", tmp_path / "cache", *options) == 2
    assert "name another folder" in capsys.readouterr().err
    assert (tmp_path / "run" / "model.npz").is_file()


def sample(name: str, **labels: str) -> Sample:
    return Sample(name, labels, bytes)


def checkpoint(*, averaged: int = 0, **arrays: dict[str, np.ndarray]) -> Checkpoint:
    every: dict[str, dict[str, np.ndarray]] = {"weights": {}, "optimizer": {}, "averages": {}} | arrays
    return Checkpoint(Position(averaged=averaged), settings={}, **every)
