"""`python -m ml …`, run as a person runs it."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.ml.conftest import draw, encode

ROOT = Path(__file__).resolve().parents[2]


def ml(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ml", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(5):
        (folder / f"{seed}.jpg").write_bytes(encode(draw(seed=seed), "JPEG"))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not looked at")
    return folder


@pytest.fixture(scope="module")
def features(photos: Path, graph: Path, cache_dir: Path) -> Path:
    done = ml("embed", photos, "-o", photos / "out.npz", "--weights", "untrained", "--cache-dir", cache_dir)
    assert done.returncode == 0, done.stderr
    assert "5 pictures × 2048, 1 skipped" in done.stdout
    assert "skipped" in done.stderr
    assert "broken.jpg" in done.stderr
    return photos / "out.npz"


def test_embed_writes_names_vectors_and_what_made_them(features: Path, photos: Path) -> None:
    with np.load(features, allow_pickle=False) as file:
        assert file["names"].tolist() == [str(photos / f"{seed}.jpg") for seed in range(5)]
        assert (file["vectors"].shape, file["vectors"].dtype) == ((5, 2048), np.float32)
        assert json.loads(str(file["meta"]))["name"] == "resnet50-untrained"


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_search_finds_the_picture_itself_first(features: Path, photos: Path, cache_dir: Path, metric: str) -> None:
    found = ml("search", features, photos / "3.jpg", "-k", 2, "--metric", metric, "--json", "--cache-dir", cache_dir)
    answer = json.loads(found.stdout)
    assert (answer["model"], answer["metric"], len(answer["results"])) == ("resnet50-untrained", metric, 2)
    assert answer["results"][0]["name"] == str(photos / "3.jpg")
    assert answer["results"][0]["score"] == pytest.approx(1, abs=1e-5)
    assert answer["results"][1]["score"] < 0.9999


def test_more_neighbours_than_pictures_are_all_there_are(features: Path, photos: Path, cache_dir: Path) -> None:
    found = ml("search", features, photos / "0.jpg", "-k", 99, "--cache-dir", cache_dir)
    assert len(found.stdout.splitlines()) == 5


def test_vectors_of_different_models_are_not_compared(features: Path, photos: Path, cache_dir: Path) -> None:
    mixed = ml("search", features, photos / "0.jpg", "--pooling", "max", "--cache-dir", cache_dir)
    assert mixed.returncode == 2
    assert "different models" in mixed.stderr


def test_a_photo_that_is_no_picture_is_an_error(features: Path, photos: Path, cache_dir: Path) -> None:
    refused = ml("search", features, photos / "broken.jpg", "--cache-dir", cache_dir)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "not a picture" in refused.stderr


def test_a_zip_of_pictures_is_read_like_a_folder(photos: Path, graph: Path, cache_dir: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "catalog.zip", "w") as archive:
        archive.write(photos / "0.jpg", "images/0.jpg")
        archive.writestr("styles.csv", "id\n0\n")
    out = tmp_path / "deep" / "out.npz"
    done = ml("embed", tmp_path / "catalog.zip", "-o", out, "--weights", "untrained", "--cache-dir", cache_dir)
    assert done.returncode == 0, done.stderr
    with np.load(out) as file:
        assert file["names"].tolist() == [f"{tmp_path}/catalog.zip/images/0.jpg"]


def test_weights_says_what_would_be_used(cache_dir: Path) -> None:
    shown = ml("weights", "--weights", "untrained", "--json", "--cache-dir", cache_dir)
    answer = json.loads(shown.stdout)
    assert (answer["source"], answer["path"], answer["spec"]["dimension"]) == ("untrained", None, 2048)
    assert "resnet50-untrained  (untrained)" in ml("weights", "--weights", "untrained").stdout


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


def test_help_teaches_with_examples() -> None:
    shown = ml("--help")
    assert shown.returncode == 0
    for command in ("weights", "embed", "search", "export"):
        assert f"python -m ml {command}" in shown.stdout
