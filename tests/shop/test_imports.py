"""Imports go one way. Read from the sources, so that no import inside a function escapes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = {"shop", "catalog", "recommendations", "ml"}
MAY_IMPORT = {
    "ml": {"ml"},
    "catalog": {"catalog", "ml.pictures.codec", "ml.pictures.decoding", "ml.files.tables"},
    "recommendations": {"recommendations", "catalog", "ml"},
    "shop": OURS,
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


@pytest.mark.parametrize("app", sorted(MAY_IMPORT))
def test_imports_go_one_way(app: str) -> None:
    allowed = MAY_IMPORT[app]
    for path in (ROOT / app).rglob("*.py"):
        for name in imported(path):
            if name.partition(".")[0] in OURS:
                fits = any(name == one or name.startswith(f"{one}.") for one in allowed)
                assert fits, f"{path.relative_to(ROOT)} imports {name}"


def test_ml_knows_no_django() -> None:
    for path in (ROOT / "ml").rglob("*.py"):
        assert not any(name.startswith("django") for name in imported(path)), path


def test_pictures_are_opened_in_one_module_only_and_always_with_an_allowlist() -> None:
    for app in OURS:
        for path in (ROOT / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in {"Image.open", "PIL.Image.open"}:
                    assert path == ROOT / "ml" / "images.py", path
                    assert "formats" in {keyword.arg for keyword in node.keywords}


def test_distances_are_named_in_one_module_only() -> None:
    for path in (ROOT / "recommendations").rglob("*.py"):
        if path.name != "querysets.py" and "migrations" not in path.parts:
            assert not {"CosineDistance", "L2Distance", "<=>", "<->"} & set(path.read_text().split()), path


@pytest.mark.parametrize("module", ["shop.wsgi", "shop.urls", "recommendations.tasks", "recommendations.lifecycle"])
def test_web_processes_never_load_tensorflow_or_the_runtime(module: str) -> None:
    script = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'; import django; django.setup(); "
        f"import {module}; print({{'tensorflow', 'keras', 'onnxruntime'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr


def test_the_web_requirements_hold_no_tensorflow() -> None:
    for name in ("base", "web"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text().lower()
        assert "tensorflow" not in text
    for path in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in path.read_text()
        assert "\ntorch" not in path.read_text()
