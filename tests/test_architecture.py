"""Which room uses which, read from the sources, so that imports inside functions count too."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from docs import house

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "common": {"common"},
    "ml": {"ml", "common"},
    "catalog": {"catalog", "common", "ml.pictures", "ml.files.catalog", "ml.files.tables"},
    "recommendations": {"recommendations", "catalog", "common", "ml"},
    "shop": set(house.PACKAGES),
}
#: Each room of recommendations/ uses only those before it; the three doors at the end use all.
ROOMS = ("embeddings", "lifecycle", "search", "strips", "pipeline", "monitoring", "storefront", "admin", "api")
DOORS = ("storefront", "admin", "api")
MOST_LINES, MOST_MODULES = 400, 15


@pytest.fixture(scope="module")
def modules() -> dict[str, Path]:
    return house.modules()


@pytest.fixture(scope="module")
def imports(modules: dict[str, Path]) -> list[house.Import]:
    return list(house.imports(modules))


@pytest.mark.slow
def test_imports_go_one_way(imports: list[house.Import]) -> None:
    for each in imports:
        allowed = MAY_IMPORT[each.module.partition(".")[0]]
        fits = any(each.imported == one or each.imported.startswith(f"{one}.") for one in allowed)
        assert fits, f"{each.module}, line {each.line}, imports {each.imported}"


def test_no_files_import_each_other_in_a_circle(imports: list[house.Import]) -> None:
    assert house.circles((each.module, each.imported) for each in imports) == []


def test_a_circle_would_be_found() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "e"), ("f", "f")]
    assert house.circles(edges) == [["a", "b", "c"]]


def test_rooms_use_only_rooms_below_them(imports: list[house.Import]) -> None:
    for each in imports:
        here, there = (name.split(".")[1] if name.count(".") else "" for name in (each.module, each.imported))
        inside = each.module.startswith("recommendations.") and each.imported.startswith("recommendations.")
        if inside and here != there and here in ROOMS and there in ROOMS:
            below = there not in DOORS if here in DOORS else ROOMS.index(there) < ROOMS.index(here)
            assert below, f"{each.module}, line {each.line}, imports {each.imported}"
            assert (here, there) != ("pipeline", "strips"), each


def test_no_module_is_too_long(modules: dict[str, Path]) -> None:
    long = {name: lines for name, path in modules.items() if (lines := path.read_text().count("\n")) > MOST_LINES}
    assert long == {}


def test_no_folder_is_a_long_shelf(modules: dict[str, Path]) -> None:
    shelves = Counter(path.parent for path in modules.values() if path.name != "__init__.py")
    assert {str(folder): count for folder, count in shelves.items() if count > MOST_MODULES} == {}


@pytest.mark.slow
def test_the_drawing_is_of_today() -> None:
    page = house.PAGE.read_text()
    assert page == house.drawn(page), "Run `python docs/house.py`."


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


@pytest.mark.parametrize("package", ["common", "ml"])
def test_what_knows_no_django(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        assert not any(name.startswith("django") for name in imported(path)), path


@pytest.mark.slow
def test_pictures_are_opened_in_one_module_only_and_always_with_an_allowlist() -> None:
    for package in house.PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in {"Image.open", "PIL.Image.open"}:
                    assert path == ROOT / "ml" / "pictures" / "codec.py", path
                    assert "formats" in {keyword.arg for keyword in node.keywords}


def test_distances_are_named_in_one_module_only() -> None:
    for path in (ROOT / "recommendations").rglob("*.py"):
        if path.name != "querysets.py" and "migrations" not in path.parts:
            assert not {"CosineDistance", "L2Distance", "<=>", "<->"} & set(path.read_text().split()), path


def test_sql_on_the_embedding_table_is_written_in_one_room_only() -> None:
    for path in (ROOT / "recommendations").rglob("*.py"):
        if path.parent.name != "embeddings" and "migrations" not in path.parts:
            assert "recommendations_imageembedding" not in re.sub(r'"admin:[^"]*"', "", path.read_text()), path


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", ["shop.wsgi", "shop.urls", "recommendations.tasks", "recommendations.lifecycle.switching"]
)
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
