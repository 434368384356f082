"""Training from the command line, on networks of thirty-two pixels: seconds, but the real thing."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml import Embedder
from ml.__main__ import main
from ml.spec import ModelSpec
from ml.weights import resolve
from tests.ml.networks import saved

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["--init", "untrained", "--sizes", "32x2", "--steps", "3", "--classes", "3", "--each", "2", "--gallery", "20"]
QUICK += ["--refit-epochs", "2"]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of twelve pictures that any network can tell apart: one colour each."""
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert "Going on at epoch 1, step" in finished.stderr
    # Vectors, not weights: sums in another order change the last bits, and Adam's first steps take only signs.
    pictures = [shapes / name / "3.png" for name in ("Red", "Green", "Blue")]
    whole, resumed = (
        Embedder.load(str(tmp_path / run / "model.npz"), cache_dir=tmp_path / "cache").embed(pictures)
        for run in ("whole", "killed")
    )
    assert (whole * resumed).sum(axis=1).min() > 0.999


@pytest.mark.slow
def test_a_trained_model_is_where_the_next_training_starts(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(shapes, tmp_path / "first", tmp_path / "cache", "--loss", "joint")
    first = tmp_path / "first" / "model.npz"
    assert train(shapes, tmp_path / "second", tmp_path / "cache", "--loss", "joint", "--init", str(first)) == 0
    assert "The heads embedding, type start from model" in capsys.readouterr().err
    assert resolve(str(tmp_path / "second" / "model.npz"), cache_dir=tmp_path).spec.dimension == 256


@pytest.mark.slow
def test_other_options_than_the_checkpoint_has_are_refused(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(shapes, tmp_path / "run", tmp_path / "cache", "--loss", "joint")
    capsys.readouterr()
    assert train(shapes, tmp_path / "run", tmp_path / "cache", "--loss", "joint", "--margin", "0.3") == 1
    assert "belongs to a training with another margin" in capsys.readouterr().err


@pytest.mark.slow
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


def test_what_cannot_be_trained_is_said_before_anything_is_read(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(shapes, tmp_path / "run", tmp_path / "cache", "--sizes", "48x1,32x2") == 2
    assert "the last size must be the largest, 48" in capsys.readouterr().err
    assert train(shapes, tmp_path / "run", tmp_path / "cache", "--init", str(inception(tmp_path))) == 2
    assert "inception is no ResNet50" in capsys.readouterr().err


def inception(folder: Path) -> Path:
    saved(folder / "inception.npz", ModelSpec("inception_v3", 80, "stretch", "avg", 2048))
    return folder / "inception.npz"


def test_an_empty_folder_is_refused_before_anything_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "set").mkdir()
    assert train(tmp_path / "set", tmp_path / "run", tmp_path / "cache") == 2
    assert "holds no labelled pictures" in capsys.readouterr().err
