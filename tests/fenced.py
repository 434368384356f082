"""The commands in the fenced blocks of a page, and the output that the page shows for them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHELLS = {"console", "sh", "bash", "shell"}
_FENCE = re.compile(r"^ *```(\w*)$")
# What differs from one shop to the next, on both sides of a comparison. "…" on a page stands for anything.
_CHANGING = (
    (re.compile(r"/media/products/[0-9a-f]{2}/[0-9a-f]{32}\."), "/media/products/FILE."),
    (re.compile(r"/media/renditions/[0-9a-f]{2}/[0-9a-f]{32}-"), "/media/renditions/FILE-"),
    (re.compile(r"\bcursor=[^&\"]+"), "cursor=PLACE"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "SHA256"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "TOKEN"),
)
_NUMBERS = {"score": 0.02, "share": 0.1, "match": 5}  # how far it may be from what the page shows
_ANY_NUMBER = {"id", "count"}


@dataclass(frozen=True)
class Step:
    """A command, its output on the page ("" if the page shows none), and its line number."""

    command: str
    shown: str
    line: int


def steps(page: Path) -> list[Step]:
    """The lines after `$ `, or every line in a block without `$ `. The output is the text up to the next `$ `, or a
    block of JSON in the same section."""
    found: list[Step] = []
    is_open = False  # whether a block of JSON would be the last command's
    for language, line, body in _blocks(page.read_text().splitlines()):
        if language == "#":
            is_open = False
        elif language in SHELLS:
            found += _commands(body, line)
            is_open = True
        elif language == "json" and is_open:
            last = found[-1]
            assert not last.shown, f"{page.name}:{line}: two outputs of one command"
            found[-1] = Step(last.command, "\n".join(body), last.line)
            is_open = False
    return found


def json_without_a_command(page: Path) -> list[int]:
    """The lines of JSON blocks without a command."""
    found, is_open = [], False
    for language, line, _ in _blocks(page.read_text().splitlines()):
        if language == "json" and not is_open:
            found.append(line)
        is_open = language in SHELLS
    return found


def _blocks(lines: list[str]) -> list[tuple[str, int, list[str]]]:
    """(language, line, lines) of each fenced block, and ("#", line, []) for each heading."""
    found: list[tuple[str, int, list[str]]] = []
    body: list[str] | None = None
    for number, line in enumerate(lines, start=1):
        fence = _FENCE.match(line)
        if body is None and fence:
            body = []
            found.append((fence[1] or "text", number, body))
        elif body is not None and fence:
            body = None
        elif body is not None:
            body.append(line.strip() if line.lstrip().startswith("$ ") else line)
        elif line.startswith("#"):
            found.append(("#", number, []))
    return found


def _commands(body: list[str], line: int) -> list[Step]:
    has_prompts = any(text.startswith("$ ") for text in body)
    found: list[Step] = []
    shown: list[str] = []
    command, goes_on, began = "", False, line
    for number, text in enumerate([*body, "$ "], start=line + 1):
        is_new = not goes_on and (text.startswith("$ ") or not has_prompts)
        if is_new:
            if command:
                found.append(Step(command, "\n".join(shown).strip(), began))
            command, shown, began = text.removeprefix("$ "), [], number
        elif goes_on:
            command += "\n" + text
        else:
            shown.append(text)
        goes_on = (is_new or goes_on) and text.endswith("\\")
    return found


def differences(shown: str, printed: str) -> list[str]:
    """The text that the page shows and the command did not print; empty if they agree."""
    shown, printed = _steady(shown), _steady(printed)
    try:
        expected = json.loads(shown)
    except ValueError:
        return [] if re.fullmatch(_pattern(shown.strip()), printed.strip(), re.DOTALL) else [f"printed {printed!r}"]
    try:
        return _compared(expected, json.loads(printed), "answer")
    except ValueError:
        return [f"no JSON: {printed!r}"]


def _steady(text: str) -> str:
    for changing, steady in _CHANGING:
        text = changing.sub(steady, text)
    return text


def _pattern(text: str) -> str:
    return ".*".join(map(re.escape, text.split("…")))


def _compared(shown: Any, got: Any, where: str) -> list[str]:
    name = re.split(r"[.\[]", where)[-1]
    if isinstance(shown, dict) and isinstance(got, dict):
        unlike = (
            [f"{where}: fields {sorted(shown)} are shown, {sorted(got)} printed"] if shown.keys() != got.keys() else []
        )
        return unlike + [
            text for key in shown.keys() & got.keys() for text in _compared(shown[key], got[key], f"{where}.{key}")
        ]
    if isinstance(shown, list) and isinstance(got, list):
        if len(shown) != len(got):
            return [f"{where}: {len(shown)} are shown, {len(got)} printed"]
        return [
            text
            for number, pair in enumerate(zip(shown, got, strict=True))
            for text in _compared(*pair, f"{where}[{number}]")
        ]
    if isinstance(shown, str) and isinstance(got, str):
        is_same = (name == "next" and "/" not in shown + got) or re.fullmatch(
            _pattern(shown), got, re.DOTALL
        ) is not None
    elif isinstance(shown, int | float) and isinstance(got, int | float) and bool not in (type(shown), type(got)):
        is_same = name in _ANY_NUMBER or abs(shown - got) <= _NUMBERS.get(name, 0)
    else:
        is_same = type(shown) is type(got) and shown == got
    return [] if is_same else [f"{where}: {shown!r} is shown, {got!r} printed"]
