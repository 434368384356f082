"""The Dockerfile copies existing files that the shop needs, and installs locked packages only."""

from __future__ import annotations

import re

import pytest

from tests.deploy.files import ROOT, image, instructions

TARGETS = ("web", "worker")


def packages(target: str) -> set[str]:
    return set(re.findall(r"(?m)^([\w.-]+)==", (ROOT / "requirements" / f"{target}.txt").read_text()))


@pytest.mark.parametrize("target", TARGETS)
def test_every_copied_path_exists_and_is_part_of_the_build_context(target: str) -> None:
    allowed = re.findall(r"(?m)^!(.+)$", (ROOT / ".dockerignore").read_text())
    copied = image(target).copied
    assert f"requirements/{target}.txt" in copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert path in allowed, f"{path} is not let through by .dockerignore"


def test_the_build_context_holds_nothing_that_no_image_takes() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*", "an allowlist: secrets and data stay out by themselves"
    taken = {path for target in TARGETS for path in image(target).copied}
    assert {line[1:] for line in lines if line.startswith("!")} == taken


@pytest.mark.parametrize("target", TARGETS)
def test_every_package_of_the_project_is_in_the_image(target: str) -> None:
    development = {"tests", "bench"}
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")} - development
    assert ours
    assert ours | {"manage.py", "templates", "static"} <= set(image(target).copied)


@pytest.mark.parametrize("target", TARGETS)
def test_packages_are_installed_by_their_hashes(target: str) -> None:
    (install,) = (run for run in image(target).runs if "pip install" in run)
    assert "--require-hashes" in install
    text = (ROOT / "requirements" / f"{target}.txt").read_text()
    for pinned in re.split(r"(?m)^(?=[\w.-]+==)", text)[1:]:
        assert "--hash=sha256:" in pinned, pinned


def test_the_web_image_has_no_tensorflow_and_the_worker_has() -> None:
    assert not {name for name in packages("web") if "tensorflow" in name or name in {"keras", "torch"}}
    assert {"tensorflow", "tensorflow-cpu", "onnx"} <= packages("worker")
    # The scheduler and the migrations run in the same image.
    assert {"gunicorn", "celery", "redis", "psycopg", "psycopg-pool", "onnxruntime"} <= packages("web")


@pytest.mark.parametrize("target", TARGETS)
def test_the_shop_does_not_run_as_root(target: str) -> None:
    assert image(target).user == "10001:10001"
    folders = next(run for run in image(target).runs if "useradd" in run)
    assert '--owner=10001 --group=10001 "$VAR_DIR" "$VAR_DIR/cache" "$VAR_DIR/media"' in folders
    assert image(target).environment["VAR_DIR"] == "/var/lib/lookalike"


def test_no_secret_stays_in_an_image() -> None:
    assert not [rest for name, rest in instructions() if name in {"ENV", "ARG"} and "SECRET" in rest]
