"""Runs every command in README.md, docs/tutorial.md and docs/api.md in a fresh demo shop and compares its output with
the page."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fenced import Step, differences, json_without_a_command, steps

ROOT = Path(__file__).resolve().parents[2]
README, TUTORIAL, API = ROOT / "README.md", ROOT / "docs" / "tutorial.md", ROOT / "docs" / "api.md"

# Commands that would install, download or test everything, and the tests that run their parts instead.
ELSEWHERE = {
    "make demo": "tests/e2e/test_demo.py",
    "VAR_DIR=$HOME/my-shop make demo CATALOG=fashion.zip LIMIT=2000": "tests/e2e/test_demo.py",
    "VAR_DIR=$HOME/better-shop EMBEDDING_WEIGHTS=imagenet make demo": "tests/ml/weights/test_weights.py",
    "make check": "tests/e2e/test_commands_of_the_docs.py",
    "make test": "tests/e2e/test_commands_of_the_docs.py",
}
COMMANDS = {page: [step for step in steps(page) if step.command not in ELSEWHERE] for page in (README, TUTORIAL, API)}
START_SECONDS = 300  # to import 482 products on a busy machine


@dataclass
class DemoShop:
    """`manage.py demo`, as `make demo` starts it, and a folder to run commands in."""

    folder: Path
    url: str
    environment: dict[str, str]

    def type_in(self, commands: list[Step]) -> list[tuple[int, str]]:
        """Run the commands in order in one shell. Returns the exit status and output of each."""
        script = "".join(
            f"{{ {step.command.replace('http://127.0.0.1:8000', self.url)}\n}} >out.{number} 2>err.{number}\n"
            f"echo $? >status.{number}\n"
            for number, step in enumerate(commands)
        )
        subprocess.run(["bash", "-c", script], cwd=self.folder, env=self.environment, check=True, timeout=300)
        return [
            (
                int((self.folder / f"status.{number}").read_text()),
                (self.folder / f"out.{number}").read_text().replace(self.url, "http://127.0.0.1:8000")
                or (self.folder / f"err.{number}").read_text(),
            )
            for number in range(len(commands))
        ]


@pytest.fixture(scope="module")
def demo_shop() -> Iterator[DemoShop]:
    """With the demo catalog and the bundled model: the shop that the pages describe."""
    assert shutil.which("curl"), "No curl here: tests/tools.sh, which `make test` runs, installs it on Debian."
    home = Path(tempfile.mkdtemp(prefix="lookalike-docs-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "VAR_DIR": str(home / "var"), "PYTHONUNBUFFERED": "1", "EMBEDDING_WEIGHTS": ""}
    log = home / "demo.log"
    with log.open("w") as stream:
        popen = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--port", str(port)],
            cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_SECONDS
        while "pictures done" not in log.read_text():
            assert popen.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        folder = home / "clone"
        folder.mkdir()
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "manage.py").symlink_to(ROOT / "manage.py")
        (folder / "demo").symlink_to(ROOT / "demo")
        yield DemoShop(folder, f"http://127.0.0.1:{port}", environment)
    finally:
        if popen.poll() is None:
            popen.send_signal(signal.SIGINT)
            popen.wait(timeout=60)
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize("page", COMMANDS, ids=lambda page: page.name)
def test_every_command_of_the_page_prints_what_the_page_shows(demo_shop: DemoShop, page: Path) -> None:
    commands = COMMANDS[page]
    wrong = []
    for step, (status, printed) in zip(commands, demo_shop.type_in(commands), strict=True):
        unlike = [f"exit status {status}: {printed}"] if status else []
        unlike += differences(step.shown, printed) if step.shown else []
        wrong += [f"{page.name}:{step.line}: {text}" for text in unlike]
    assert not wrong, "\n".join(wrong)


def test_what_no_test_can_run_as_it_stands_is_run_in_parts_elsewhere() -> None:
    shown = {step.command for page in COMMANDS for step in steps(page)}
    assert set(ELSEWHERE) <= shown, "a command that no page shows any more"
    for command, test in ELSEWHERE.items():
        assert (ROOT / test).is_file(), test
        planned = subprocess.run(
            ["bash", "-c", command.replace("make ", "make -n ")], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for option, value in (("CATALOG", '--catalog "fashion.zip"'), ("LIMIT", "--limit 2000")):
            assert (option in command) == (value in planned), planned


def test_answers_that_the_pages_show_stand_behind_the_command_that_gives_them() -> None:
    for page in COMMANDS:
        assert json_without_a_command(page) == [], page.name
    assert len(COMMANDS[API]) >= 10
    reads = [step for step in COMMANDS[API] if step.command.startswith("curl")]
    assert [step.line for step in reads if not step.shown] == []


def test_the_comparison_sees_what_is_stale(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A\n```console\n$ curl -s x \\\n    -d y\n```\n\nSo:\n\n```json\n"
        '{"id": 4, "score": 0.9, "name": "Red …", "next": null}\n```\n\n```console\n$ a\nBought 3\n$ b\n```\n'
    )
    first, second, third = steps(page)
    assert first.command == "curl -s x \\\n    -d y"
    assert (second.command, second.shown, third.command, third.shown) == ("a", "Bought 3", "b", "")
    same = '{"id": 9, "score": 0.91, "name": "Red dress", "next": null}'
    assert differences(first.shown, same) == []
    for stale in (
        same.replace("0.91", "0.7"), same.replace("Red dress", "Blue"), same.replace("null", '"a"'),
        same.replace('"id"', '"pk"'), "<html>", "",
    ):  # fmt: skip
        assert differences(first.shown, stale), stale
    assert differences(second.shown, "Bought 4")
