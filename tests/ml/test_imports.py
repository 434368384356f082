"""Which modules load which libraries."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("tensorflow", "keras", "onnxruntime", "onnx", "h5py", "rich", "django")


def imported_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(shown.stdout.split())


LIGHT = [
    "pictures.codec",
    "spec",
    "weights",
    "embedder",
    "networks.export",
    "networks.graph",
    "networks.colours",
    "networks.whitening",
    "runtimes",
    "runtimes.onnx",
]


@pytest.mark.slow
@pytest.mark.parametrize("module", ["ml", *(f"ml.{name}" for name in LIGHT)])
def test_importing_costs_nothing_heavy(module: str) -> None:
    assert imported_by(module).isdisjoint(HEAVY)


def test_the_package_itself_does_not_even_import_numpy() -> None:
    assert "numpy" not in imported_by("ml")


@pytest.mark.slow
def test_only_one_module_opens_pictures_and_always_with_a_list_of_formats() -> None:
    for path in (ROOT / "ml").rglob("*.py"):
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Image.open"
        ]
        assert not calls or path.name == "codec.py", path
        assert all([keyword.arg for keyword in call.keywords] == ["formats"] for call in calls)


@pytest.mark.slow
def test_there_is_no_pickle_and_no_lambda_layer() -> None:
    for path in (ROOT / "ml").rglob("*.py"):
        code = path.read_text()
        if path.name == "pth.py":  # its unpickler makes tensors only; tests/ml/weights/test_pth.py tries others
            assert "pickle.load" not in code
        else:
            assert "import pickle" not in code
        assert "layers.Lambda" not in code
        assert "allow_pickle=True" not in code
        assert "LOAD_TRUNCATED_IMAGES" not in code
