"""The documentation matches the code: settings, commands, addresses, failure codes and links."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from drf_spectacular.generators import SchemaGenerator

from ml.files.catalog.header.names import NAMES, TRANSLATED, TRANSLATED_ATTRIBUTES
from recommendations.monitoring.reasons import REASONS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
PRODUCT = ("shop", "catalog", "recommendations", "ml", "common")
OUR_COMMANDS = sorted(
    name for name, app in get_commands().items() if app in {"shop", "catalog", "recommendations"}
    and name != "makemigrations"
)  # fmt: skip
SETTINGS = ROOT / "shop" / "settings.py"


def names(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def sources() -> Iterator[Path]:
    for app in PRODUCT:
        yield from (path for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)


# Settings


def settings() -> dict[str, ast.expr | None]:
    """The settings that settings.py reads with `env.xxx("NAME", default)`."""
    found: dict[str, ast.expr | None] = {}
    for node in ast.walk(ast.parse(SETTINGS.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and ast.unparse(node.func.value) == "env"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            default = node.args[1] if len(node.args) > 1 else None
            if node.args[0].value not in found or default is not None:
                found[node.args[0].value] = default
    return found


def environment_reads(path: Path) -> set[str]:
    """Names in `os.environ["NAME"]`, `os.environ.get("NAME")`, `os.getenv("NAME")` and the like; also through a
    constant of the module."""
    tree = ast.parse(path.read_text())
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            key: ast.expr = node.slice
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in {"os.environ.get", "os.environ.setdefault", "os.environ.pop", "os.getenv"}
            and node.args
        ):
            key = node.args[0]
        else:
            continue
        if isinstance(key, ast.Constant):
            found.add(key.value)
        elif isinstance(key, ast.Name) and key.id in constants:
            found.add(constants[key.id])
    return found


def rows(path: Path) -> dict[str, list[str]]:
    """First cell, without its backticks, to all cells of the tables' rows."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {row[0].strip("`"): row for row in cells}


def shown(default: ast.expr | None) -> str | None:
    """A default as the table shows it; None if it is computed when the shop starts."""
    if default is None:
        return "required"
    if isinstance(default, ast.List):
        return f"`{','.join(map(str, ast.literal_eval(default)))}`" if default.elts else "–"
    if any(isinstance(node, ast.Name | ast.Call) for node in ast.walk(default)):
        return None
    value = eval(compile(ast.Expression(default), "default", "eval"))
    if value == "":
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


@pytest.mark.parametrize("name", sorted(settings()))
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    table = rows(DOCS / "configuration.md")
    assert name in table, f"{name} is missing in docs/configuration.md"
    default = settings()[name]
    if name not in {"DATABASE_URL"}:  # read twice: whether it is there, and what it says
        assert shown(default) in {None, table[name][1]}


@pytest.mark.slow
def test_every_variable_read_elsewhere_is_documented() -> None:
    table = rows(DOCS / "configuration.md")
    readers = [*sources(), ROOT / "manage.py", ROOT / "tests" / "conftest.py", *(ROOT / "bench").rglob("*.py")]
    missing = {(names(path), name) for path in readers for name in environment_reads(path) if name not in table}
    assert not missing


def test_every_variable_of_the_compose_file_is_documented() -> None:
    used = re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text())
    assert set(used) <= set(rows(DOCS / "configuration.md"))


@pytest.mark.slow
def test_no_setting_is_documented_that_nothing_reads() -> None:
    read = set(settings())
    for path in [*sources(), ROOT / "manage.py", ROOT / "tests" / "conftest.py", *(ROOT / "bench").rglob("*.py")]:
        read |= environment_reads(path)
    read |= set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text())) | {"PYTHONPATH"}
    assert {name for name in rows(DOCS / "configuration.md") if name.isupper()} <= read


# Commands


def section(path: Path, heading: str) -> str:
    """The text below a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", path.read_text(), re.M | re.S)
    assert found, f"{names(path)} has no heading {heading!r}"
    return found[1]


def options(command: BaseCommand) -> set[str]:
    """The options of the command and of its actions."""
    found, parsers = set(), [command.create_parser("manage.py", "x")]
    for parser in parsers:
        for action in parser._actions:
            found.update(action.option_strings)
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
    return found


@pytest.mark.parametrize("name", OUR_COMMANDS)
def test_every_command_is_documented_with_its_options_and_an_example(name: str) -> None:
    text = section(DOCS / "reference" / "commands.md", f"`manage.py {name}`")
    for option in options(load_command_class(get_commands()[name], name)) - options(BaseCommand()):
        assert re.search(rf"`{option}[ `]", text), f"{option} of {name}"
    assert f"$ python manage.py {name}" in text


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_commands_that_the_docs_name_exist(page: Path) -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", page.read_text()))
    assert named <= set(get_commands()) | {"help"}


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_options_that_the_docs_give_to_our_commands_exist(page: Path) -> None:
    for name, rest in re.findall(r"manage\.py ([a-z_]+)([^`\n]*)", page.read_text()):
        if name in OUR_COMMANDS:
            used = set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest))
            assert used <= options(load_command_class(get_commands()[name], name)), f"manage.py {name}{rest}"


def make_targets() -> set[str]:
    found = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert found
    return set(found[1].split())


def test_every_make_verb_is_documented() -> None:
    table = rows(DOCS / "development.md")
    assert {f"make {verb}" for verb in make_targets()} <= set(table)


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_make_lines_in_the_docs_name_targets_that_exist(page: Path) -> None:
    for line in re.findall(r"^\s*(?:\$ )?(?:[A-Z_]+=\S+ )*make(?: .*)?$", page.read_text(), re.M):
        words = line.split("make", 1)[1].split()
        assert {word for word in words if "=" not in word} <= make_targets() | {".env"}, line


# The API


@pytest.mark.slow
def test_every_address_of_the_api_is_documented() -> None:
    text = (DOCS / "api.md").read_text()
    schema = SchemaGenerator().get_schema(public=True)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert f"| `{method.upper()}` | `{path}` |" in text
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query":
                    assert f"`{parameter['name']}`" in text, f"{parameter['name']} of {method} {path}"


@pytest.mark.slow
def test_the_json_in_the_api_docs_has_the_fields_that_the_api_has() -> None:
    components = SchemaGenerator().get_schema(public=True)["components"]["schemas"]
    text = (DOCS / "api.md").read_text()
    for name in ("Product", "Image", "Match", "Results"):
        for field in components[name]["properties"]:
            assert f'"{field}":' in text, f"{field} of {name}"


# Failure codes


def codes(*, of: str, argument: int = 0) -> set[str]:
    """The constant codes that the product passes to `of`."""
    return {
        node.args[argument].value
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] == of
        and len(node.args) > argument
        and isinstance(node.args[argument], ast.Constant)
    }


def recorded_codes() -> set[str]:
    """Codes that the pipeline writes without an ImageRejected."""
    text = "".join(path.read_text() for path in sources() if "recommendations" in path.parts)
    return set(re.findall(r"error_code = '(\w+)'", text))


@pytest.mark.slow
def test_every_failure_code_of_a_picture_is_documented_with_a_remedy() -> None:
    found = codes(of="ImageRejected") | recorded_codes()
    assert {"corrupt", "missing_file", "crashed", "bad_vector"} <= found, "the search for codes finds nothing any more"
    table = rows(DOCS / "reference" / "failures.md")
    assert {code for code in found if len(table.get(code, [])) < 3} == set()


@pytest.mark.slow
def test_reasons_on_pages_and_in_the_terminal_are_those_of_the_docs() -> None:
    table = rows(DOCS / "reference" / "failures.md")
    told = {code: tuple(cell.replace("`", "") for cell in table[code][1:3]) for code in REASONS}
    assert told == {code: tuple(reason) for code, reason in REASONS.items()}
    assert codes(of="ImageRejected") | recorded_codes() <= set(REASONS)


def test_every_metric_is_documented() -> None:
    text = (ROOT / "shop" / "monitoring" / "metrics.py").read_text()
    named = set(re.findall(r'"(lookalike_\w+)"', text))
    assert len(named) > 8
    page = (DOCS / "reference" / "monitoring.md").read_text()
    assert {name for name in named if f"`{name}`" not in page} == set()


@pytest.mark.slow
def test_every_code_of_an_import_error_is_documented() -> None:
    text = section(DOCS / "reference" / "commands.md", "`manage.py import_catalog`") + section(
        DOCS / "reference" / "failures.md", "Failed pictures"
    )
    found = codes(of="RowRejected") | codes(of="RowError", argument=2) | codes(of="_refuse_row") | codes(of="_report")
    assert {"bad_value", "no_image", "duplicate_sku"} <= found, "the search for codes finds nothing any more"
    for code in found:
        assert f"`{code}`" in text, code


def test_every_name_of_a_column_is_documented() -> None:
    table = rows(DOCS / "how-to" / "import.md")
    for field, others in NAMES.items():
        row = table.get(field) or table[f"{field}` (needed)"]
        assert re.findall(r"`([^`]+)`", row[1]) == list(others[1:]), field


def test_every_translated_name_of_a_column_is_documented() -> None:
    text = section(DOCS / "how-to" / "import.md", "Names in other languages")
    for field, names_of_it in (TRANSLATED | TRANSLATED_ATTRIBUTES).items():
        assert f"| {field} | {', '.join(names_of_it)} |" in text, field


# Links


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), f"{names(page)} links to {target}"
        assert not anchor or anchor in anchors(path), f"{names(page)} links to {target}"


def test_pages_that_the_source_names_exist() -> None:
    files = [*sources(), ROOT / "docker-compose.yml", ROOT / ".env.example", *(ROOT / "deploy").iterdir()]
    named = {(names(path), page) for path in files for page in re.findall(r"docs/[\w/-]+\.md", path.read_text())}
    assert len(named) > 5, "the search for pages finds nothing any more"
    assert {(path, page) for path, page in named if not (ROOT / page).is_file()} == set()


def linked(page: Path) -> set[Path]:
    return {(page.parent / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)", page.read_text())}


def test_every_page_is_in_the_index_and_the_index_in_the_readme() -> None:
    index = DOCS / "README.md"
    assert index in linked(ROOT / "README.md")
    assert set(DOCS.rglob("*.md")) - linked(index) == {index}


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120
