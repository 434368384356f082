"""A separate shop with processes and servers that are killed on purpose and restarted: `python -m bench chaos`."""

from __future__ import annotations

import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import django
import redis

from shop.embedded.servers import DATABASE, USER, EmbeddedServices, Layout

LEASE_SECONDS, SWEEP_SECONDS = 10, 5
WORKERS = ("worker 1", "worker 2")
DOWN = (0.3, 3.0)  # seconds that a server or a worker is down, from and to


@dataclass
class Fault:
    """`at`: when it was injected, seconds since the epoch."""

    kind: str
    at: float


@dataclass
class WreckedShop:
    """A web process, two workers and a scheduler on their own Postgres and Redis."""

    root: Path
    var: Path
    faults: list[Fault] = field(default_factory=list)
    restarts: Counter[str] = field(default_factory=Counter)  # of processes that ended unexpectedly

    def __post_init__(self) -> None:
        self.services = EmbeddedServices(Layout(self.var))
        self.port = _free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._away: set[str] = set()
        self._pack: list[str] = []
        self._lock = threading.Lock()
        layout = self.services.layout
        sockets = str(layout.sockets).replace("/", "%2F")
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in {"MEDIA_ROOT", "MEDIA_S3_BUCKET"}},
            "DJANGO_SETTINGS_MODULE": "shop.settings",
            "ENV_FILE": os.devnull,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "HTTPS_ONLY": "false",
            "VAR_DIR": str(self.var),
            # Set explicitly, so that no process restarts servers that were stopped on purpose.
            "DATABASE_URL": f"postgresql://{USER}@{sockets}/{DATABASE}",
            "REDIS_URL": layout.redis_url,
            "EMBEDDING_LEASE_SECONDS": str(LEASE_SECONDS),
            "EMBEDDING_SWEEP_SECONDS": str(SWEEP_SECONDS),
            "EMBEDDING_WEIGHTS": "",
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def open(self) -> Iterator[None]:
        """Run everything inside the block, and nothing after it."""
        self.services.ensure_postgres()
        self.services.ensure_redis()
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v", "0"], cwd=self.root, env=self.environment, check=True
        )
        stop = threading.Event()
        supervisor = threading.Thread(target=self._supervise, args=(stop,), daemon=True)
        try:
            for name in ("web", *WORKERS, "scheduler"):
                self._start(name)
            self._wait(lambda: urlopen(f"{self.url}/healthz", timeout=2).status == 200)
            supervisor.start()
            yield
        finally:
            stop.set()
            if supervisor.is_alive():
                supervisor.join()
            for name in self._processes:
                self._kill(name, signal.SIGTERM)
            self.services.leave()

    def wreck(self, chance: random.Random) -> Fault:
        """Inject one fault, of each kind in turn in random order. What it stopped is running again on return."""
        kinds = {
            "worker's child killed": self._kill_child,
            "worker killed with its group": lambda chance: self._kill_worker(chance, signal.SIGKILL),
            "worker told to stop": lambda chance: self._kill_worker(chance, signal.SIGTERM),
            "Redis shut down": self._stop_redis,
            "Redis emptied": lambda _: self._redis().flushall(),
            "Postgres stopped at once": self._stop_postgres,
        }
        if not self._pack:
            self._pack = chance.sample(list(kinds), len(kinds))
        fault = Fault(self._pack.pop(), time.time())
        self.faults.append(fault)
        kinds[fault.kind](chance)
        return fault

    # What can go wrong

    def _kill_child(self, chance: random.Random) -> None:
        for child in _children(self._processes[chance.choice(WORKERS)].pid):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def _kill_worker(self, chance: random.Random, number: int) -> None:
        name = chance.choice(WORKERS)
        with self._gone(name):
            self._kill(name, number)
            time.sleep(chance.uniform(*DOWN))
            self._start(name)

    def _stop_redis(self, chance: random.Random) -> None:
        with suppress(redis.ConnectionError):
            self._redis().shutdown(nosave=True)
        time.sleep(chance.uniform(*DOWN))
        self.services.ensure_redis()

    def _stop_postgres(self, chance: random.Random) -> None:
        pid = int((self.services.layout.postgres_data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGQUIT)  # as `pg_ctl -m immediate stop`: without a checkpoint
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.05)
        time.sleep(chance.uniform(*DOWN))
        self.services.ensure_postgres()

    def _redis(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.services.layout.redis_socket))

    # Processes

    def _start(self, name: str) -> None:
        options = ["--bind", f"127.0.0.1:{self.port}"] if name == "web" else []
        with (self.var / "log" / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "shop", name.split()[0], *options],
                cwd=self.root, env=self.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def _kill(self, name: str, number: int) -> None:
        process = self._processes[name]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.restarts[f"{name} did not stop within 30 s"] += 1
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @contextmanager
    def _gone(self, name: str) -> Iterator[None]:
        """Mark a process as stopped on purpose, so that the supervisor ignores it."""
        with self._lock:
            self._away.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._away.discard(name)

    def _supervise(self, stop: threading.Event) -> None:
        """Restart processes that ended unexpectedly, as systemd or Docker would."""
        while not stop.wait(0.5):
            with self._lock:
                for name, process in list(self._processes.items()):
                    if name not in self._away and process.poll() is not None:
                        self.restarts[f"{name} ended by itself"] += 1
                        self._start(name)

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(OSError):
                if condition():
                    return
            time.sleep(0.1)
        sys.exit(f"The shop did not start; its logs are in {self.var / 'log'}.")


def wrecked_shop(root: Path) -> WreckedShop:
    """A new shop that is not open yet. This process becomes its staff: Django is set up for the same database and the
    same files."""
    home = Path(os.environ.get("BENCH_VAR_DIR", str(root / "var" / "bench"))).absolute()
    home.mkdir(parents=True, exist_ok=True)
    shop = WreckedShop(root, Path(tempfile.mkdtemp(prefix="chaos-", dir=home)))
    # Missing brokers and databases are expected here.
    os.environ.update(shop.environment, LOG_LEVEL="ERROR")
    django.setup()
    return shop


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children(parent: int) -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except OSError:
        return []
