"""Clients that send or read byte by byte, and the response times of other clients."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAGES = ("/healthz", "/", "/search/?q=dress")
ALLOWED_SECONDS = 1.0
PHOTO = b"POST /api/v1/search/image/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
#: The bytes that each kind of client sends before it slows down.
KINDS = {
    "body": PHOTO + b"Content-Length: 1000000\r\n\r\n--x\r\n",
    "chunked": PHOTO + b"Transfer-Encoding: chunked\r\n\r\nf4240\r\n--x\r\n",
    "json": b"POST /strips/seen/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 10000\r\n\r\n{",
    "head": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "idle": b"",
    "read": b"GET /static/unfold/css/styles.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3,
}


class SlowClients:
    """`count` clients of one kind, each sending (or, for "read", reading) one byte every few seconds. Clients closed by
    the server reconnect at once."""

    def __init__(self, port: int, kind: str, count: int, *, tls: bool = False, pause: float = 2.0) -> None:
        self.port, self.kind, self.count, self.pause = port, kind, count, pause
        self.closed = 0  # by the server
        self.longest = 0.0  # seconds of the longest connection
        self._tls = ssl._create_unverified_context() if tls else None
        self._open: dict[socket.socket, float] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._trickle, daemon=True)

    def __enter__(self) -> SlowClients:
        self._fill()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        for client in self._open:
            client.close()

    def _fill(self) -> None:
        while len(self._open) < self.count and not self._end.is_set():
            with contextlib.suppress(OSError):
                self._open[self._connect()] = time.monotonic()

    def _connect(self) -> socket.socket:
        client = socket.socket()
        if self.kind == "read":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(15)
        client.connect(("127.0.0.1", self.port))
        if self._tls:
            client = self._tls.wrap_socket(client, server_hostname="localhost")
        if KINDS[self.kind]:
            client.sendall(KINDS[self.kind])
        return client

    def _trickle(self) -> None:
        while not self._end.wait(self.pause):
            for client, since in list(self._open.items()):
                if not self._alive(client):
                    self.closed += 1
                    self.longest = max(self.longest, time.monotonic() - since)
                    client.close()
                    del self._open[client]
            self._fill()

    def _alive(self, client: socket.socket) -> bool:
        try:
            client.settimeout(1)
            if self.kind == "read":
                return bool(client.recv(1))
            if self.kind != "idle":
                client.sendall(b"a")
            client.settimeout(0)
            client.recv(100)  # an answer or the end of the connection
            return False
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False


@dataclass
class Waited:
    """Seconds of ordinary requests, by page; requests without status 200 are in `failed`."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    @property
    def longest(self) -> float:
        return max((second for times in self.seconds.values() for second in times), default=0.0)

    def ask(self, address: str, page: str) -> None:
        before = time.monotonic()
        try:
            with urllib.request.urlopen(address + page, timeout=10, context=_context(address)) as answer:
                answer.read()
        except (OSError, urllib.error.URLError) as error:
            self.failed.append(f"{page}: {error}")
        self.seconds.setdefault(page, []).append(time.monotonic() - before)


def ask_for(address: str, seconds: float, pages: tuple[str, ...] = PAGES) -> Waited:
    """Request each of `pages` about once per second."""
    waited, end = Waited(), time.monotonic() + seconds
    while time.monotonic() < end:
        for page in pages:
            waited.ask(address, page)
        time.sleep(1)
    return waited


def _context(address: str) -> ssl.SSLContext | None:
    return ssl._create_unverified_context() if address.startswith("https") else None


def measure(root: Path, clients: int, seconds: float, kinds: str, *, bare: bool, caddy: str) -> bool:
    """Whether all other clients were answered within a second."""
    with serving(root, None if bare else caddy) as (address, port):
        good = True
        print(f"{clients} slow clients for {seconds:.0f} s each, {address} ({'gunicorn' if bare else caddy})")
        print(f"{'kind':9}{'page':18}{'requests':>9}{'median':>9}{'longest':>9}   slow clients closed, kept at most")
        for kind in kinds.split(","):
            with SlowClients(port, kind, clients, tls=not bare) as slow:
                waited = ask_for(address, seconds)
            for page, times in waited.seconds.items():
                median, longest = sorted(times)[len(times) // 2], max(times)
                print(f"{kind:9}{page:18}{len(times):9}{median:8.3f}s{longest:8.3f}s", end="")
                print(f"   {slow.closed}, {slow.longest:.0f} s" if page == PAGES[0] else "")
            for line in waited.failed:
                print(f"  failed: {line}")
            good = good and not waited.failed and waited.longest <= ALLOWED_SECONDS
    print("All other clients were answered within a second." if good else "NOT all were answered within a second.")
    return good


@contextlib.contextmanager
def serving(root: Path, caddy: str | None = None) -> Iterator[tuple[str, int]]:
    """A web process with the demo's defaults in a temporary folder, behind the shipped Caddy if it is named."""
    with tempfile.TemporaryDirectory(prefix="lookalike-slow-") as folder, contextlib.ExitStack() as stack:
        web_port, port, plain = (_free_port() for _ in range(3))
        environment = {
            **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")},
            "VAR_DIR": f"{folder}/var", "ENV_FILE": os.devnull, "SECRET_KEY": "only-for-this", "HTTPS_ONLY": "false",
            "EMBEDDING_WEIGHTS": "untrained", "ALLOWED_HOSTS": "localhost", "BEHIND_PROXY": "true", "NUM_PROXIES": "1",
            "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder,
        }  # fmt: skip
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=root, env=environment, check=True)
        log = stack.enter_context(open(f"{folder}/log", "w"))
        web = [sys.executable, "-m", "shop", "web", "--bind", f"127.0.0.1:{web_port}"]
        stack.callback(_end, subprocess.Popen(web, cwd=root, env=environment, stderr=log))
        _await(f"http://localhost:{web_port}")
        if caddy is None:
            yield f"http://localhost:{web_port}", web_port
            return
        program = shutil.which(caddy)
        if program is None:
            sys.exit(f"{caddy} is not installed. Install Caddy (`make tools`), name one with --caddy, or use --bare.")
        config = Path(folder) / "Caddyfile"
        config.write_text(f"{{\n\thttp_port {plain}\n\tskip_install_trust\n{_after_brace(root)}")
        variables = {
            **environment,
            "SITE_ADDRESS": f"https://localhost:{port}",
            "WEB_UPSTREAM": f"127.0.0.1:{web_port}",
        }
        run = [program, "run", "--config", str(config), "--adapter", "caddyfile"]
        stack.callback(_end, subprocess.Popen(run, env=variables, stdout=log, stderr=log))
        _await(f"https://localhost:{port}")
        yield f"https://localhost:{port}", port


def _after_brace(root: Path) -> str:
    """The shipped Caddyfile after the opening brace of its global options. The benchmark inserts two more options, so
    that Caddy needs neither port 80 nor the machine's certificates."""
    return (root / "deploy" / "Caddyfile").read_text().partition("{\n")[2]


def _await(address: str) -> None:
    for _ in range(120):
        waited = Waited()
        for page in PAGES:
            waited.ask(address, page)
        if not waited.failed:
            return
        time.sleep(0.5)
    sys.exit(f"{address} does not answer: {waited.failed[0]}")


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
