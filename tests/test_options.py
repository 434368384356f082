"""The error for a bad number names the values that the option accepts."""

from __future__ import annotations

import math
import subprocess
import sys
from argparse import Action, ArgumentParser, ArgumentTypeError, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command, get_commands, load_command_class
from django.core.management.base import CommandError

from bench.__main__ import benchmarks
from ml.__main__ import _parser as ml_commands
from shop.__main__ import parser_of_processes

APPS = {"catalog", "recommendations", "shop"}
ODD = ["0", "-1", "abc", "NaN", "nan", "inf", "-inf", "1e9", "1e400", "", " ", "1_0", "٣", "9" * 30, "9" * 5000, "0x10"]
#: Numbers that mean something somewhere: an option that takes one of these takes numbers.
SENSIBLE = ["1", "0.5", "30", "8000"]


def parsers() -> Iterator[tuple[str, ArgumentParser]]:
    for name, app in get_commands().items():
        if app in APPS:
            yield f"manage.py {name}", load_command_class(app, name).create_parser("manage.py", name)
    yield "python -m ml", ml_commands()
    yield "python -m bench", benchmarks()
    yield "python -m shop", parser_of_processes()


def actions(parser: ArgumentParser) -> Iterator[Action]:
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            for child in action.choices.values():
                yield from actions(child)
        else:
            yield action


def own(action: Action) -> bool:
    """Without Django's `--verbosity`: argparse checks its choices."""
    return action.dest not in {"verbosity", "version", "help"}


def takes_numbers(action: Action) -> bool:
    if action.type in (None, str, Path) or not callable(action.type):
        return False
    for text in SENSIBLE:
        try:
            read = action.type(text)
        except (ArgumentTypeError, ValueError):
            continue
        if isinstance(read, int | float) or type(read).__name__ == "Decimal":
            return True
    return False


OPTIONS = [
    pytest.param(action, id=f"{name} {'/'.join(action.option_strings) or action.dest} {number}")
    for name, parser in parsers()
    for number, action in enumerate(actions(parser))
    if own(action) and takes_numbers(action)
]


def test_there_are_such_options() -> None:
    assert len(OPTIONS) > 40


@pytest.mark.case
@pytest.mark.parametrize("action", OPTIONS)
def test_a_number_that_makes_no_sense_is_refused_with_a_sentence(action: Action) -> None:
    assert action.type not in (int, float), "say which numbers it takes: catalog.management.arguments"
    for text in ODD:
        read, problem = outcome(action, text)
        if read is None:
            assert repr(text) in problem
        else:
            assert math.isfinite(read)
            assert text not in {"abc", "", " "}


def outcome(action: Action, text: str) -> tuple[Any, str]:
    """Any other exception would print "invalid _positive value"."""
    try:
        return action.type(text), ""  # type: ignore[operator,misc]
    except ArgumentTypeError as error:
        return None, str(error)


@pytest.mark.slow
def test_an_argument_that_is_no_text_is_named() -> None:
    ended = subprocess.run([sys.executable, "manage.py", "similar", b"sh\xffrt"], capture_output=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == b"The argument b'sh\\xffrt' is not UTF-8. Type it again, or rename the file.\n"


@pytest.mark.case
@pytest.mark.parametrize("command", ["import_catalog", "export_training_set"])
@pytest.mark.parametrize("limit", ["0", "-1", "abc", "NaN", "1e9"])
def test_a_limit_of_nothing_is_refused_in_words(command: str, limit: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=f"'{limit}' is not a whole number, 1 or more"):
        call_command(command, str(tmp_path), f"--limit={limit}")


@pytest.mark.slow
def test_a_wrong_number_ends_a_command_with_exit_code_2() -> None:
    command = [sys.executable, "manage.py", "import_catalog", "folder", "--limit", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "argument --limit: '0' is not a whole number, 1 or more" in ended.stderr
    assert "Traceback" not in ended.stderr
