"""Draws the rooms of the source and their imports: `python docs/house.py` updates docs/architecture.md.

A room is a folder of modules. Arrows that others imply are not drawn: if A uses B and B uses C, A may use C too.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("common", "ml", "catalog", "recommendations", "shop")
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- drawn by docs/house.py -->", "<!-- end of the drawing -->"

#: A package's entry modules and folders, drawn as one room.
DOORS = frozenset(
    {"__main__", "admin", "api", "apps", "asgi", "celery", "checks", "commands", "context", "embedder", "management"}
    | {"settings", "tasks", "templatetags", "urls", "wsgi"}
)


@dataclass(frozen=True)
class Import:
    """Attributes:
    module: the importing one, such as "catalog.services".
    imported: such as "ml.pictures.codec".
    line: of the statement.
    """

    module: str
    imported: str
    line: int


def modules() -> dict[str, Path]:
    """Dotted names and files, without migrations."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                parts = path.relative_to(ROOT).with_suffix("").parts
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(found: Mapping[str, Path]) -> Iterator[Import]:
    """Imports among these modules, without type-only ones."""
    for module, path in found.items():
        for node in _statements(ast.parse(path.read_text())):
            for imported in _names(node, found):
                yield Import(module, imported, node.lineno)


def _statements(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Including those inside functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")):
            yield from _statements(node)


def _names(node: ast.Import | ast.ImportFrom, found: Mapping[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in found)
        return
    for alias in node.names:
        whole = f"{node.module}.{alias.name}"
        if whole in found or node.module in found:
            yield whole if whole in found else str(node.module)


def _uses(edges: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    uses: dict[str, set[str]] = defaultdict(set)
    for one, other in edges:
        uses[one].add(other)
    return uses


def circles(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Strongly connected components (Tarjan 1972) of more than one member: groups that reach each other."""
    uses = _uses(edges)
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    done: set[str] = set()
    result: list[list[str]] = []

    def visit(one: str) -> None:
        number[one] = low[one] = len(number)
        path.append(one)
        for other in sorted(uses[one]):
            if other not in number:
                visit(other)
            if other not in done:
                low[one] = min(low[one], low[other])
        if low[one] == number[one]:
            group = path[path.index(one) :]
            del path[path.index(one) :]
            done.update(group)
            if len(group) > 1:
                result.append(sorted(group))

    for one in sorted(uses):
        if one not in number:
            visit(one)
    return result


def room_of(module: str, path: Path) -> str:
    """The room of a module, such as "ml/pictures", "catalog/doors" or, outside any room, "catalog"."""
    package, _, rest = module.partition(".")
    first = rest.partition(".")[0]
    if first in DOORS:
        return f"{package}/doors"
    is_room = "." in rest or path.name == "__init__.py"
    if first in ("models", "querysets"):
        return f"{package}/models"
    return f"{package}/{first}" if first and is_room else package


def room_edges() -> set[tuple[str, str]]:
    """Which room uses which."""
    found = modules()
    rooms = {module: room_of(module, path) for module, path in found.items()}
    return {
        (rooms[each.module], rooms[each.imported])
        for each in imports(found)
        if rooms[each.module] != rooms[each.imported]
    }


def direct(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Without edges that a longer path implies. Rooms in a circle keep theirs."""
    uses = _uses(edges)

    def reach(start: str, seen: set[str]) -> set[str]:
        for other in uses[start] - seen:
            seen.add(other)
            reach(other, seen)
        return seen

    reached = {one: reach(one, set()) for one in list(uses)}

    def implied(one: str, other: str) -> bool:
        return any(
            other in reached.get(middle, set()) and one not in reached.get(middle, set())
            for middle in uses[one] - {other}
        )

    return {(one, other) for one, other in edges if one in reached.get(other, set()) or not implied(one, other)}


def drawing() -> str:
    """A fenced Mermaid flowchart."""
    edges = room_edges()
    rooms = sorted({room for edge in edges for room in edge})
    lines = ["```mermaid", "flowchart TD"]
    for package in reversed(PACKAGES):
        lines.append(f"  subgraph {package}_ [{package}/]")
        inside = [room for room in rooms if room.split("/")[0] == package]
        lines += [f'    {_id(room)}["{room.partition("/")[2] or "loose"}"]' for room in inside]
        lines.append("  end")
    lines += [f"  {_id(one)} --> {_id(other)}" for one, other in sorted(direct(edges))]
    return "\n".join([*lines, "```"])


def _id(room: str) -> str:
    return room.replace("/", "_")


def drawn(page: str) -> str:
    """The page with an up-to-date drawing."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{drawing()}\n{END}{after}"


def main() -> None:
    page = PAGE.read_text()
    if BEGIN not in page or END not in page:
        sys.exit(f"{PAGE} lacks the line {BEGIN!r} or {END!r}.")
    PAGE.write_text(drawn(page))


if __name__ == "__main__":
    main()
