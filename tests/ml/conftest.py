"""Pictures drawn in memory, one exported graph, and a small web server that can misbehave."""

import hashlib
import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ml.embedder import cached_graph
from ml.pictures import codec
from ml.spec import ModelSpec
from ml.weights import Weights, resolve
from tests.prepared import prepared


def draw(width: int = 60, height: int = 80, *, seed: int = 0) -> Image.Image:
    """A picture like a shop's: a few coloured shapes on white."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    for shape in (pen.ellipse, pen.rectangle, pen.rectangle):
        left, top = (int(random.integers(0, side // 2)) for side in (width, height))
        right, bottom = left + int(random.integers(width // 4, width)), top + int(random.integers(4, height))
        shape((left, top, right, bottom), fill=tuple(int(c) for c in random.integers(0, 230, 3)))
    return image


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def studio_photos(data: Path, spec: ModelSpec, count: int) -> list[np.ndarray]:
    """Real products as a network takes them, uint8 [S, S, 3] each, evenly spread over the whole set."""
    with zipfile.ZipFile(data / "fashion-small.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][:: 39_571 // count][:count]
        return [codec.to_input(archive.read(name), spec) for name in names]


class Server:
    """Serves `content`. Each entry of `faults` makes one request fail: a status code, or ("cut", bytes sent)."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.faults: list[int | tuple[str, int]] = []
        self.requests: list[str | None] = []  # the Range header of each
        self.supports_range = True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                outer.requests.append(wanted)
                fault = outer.faults.pop(0) if outer.faults else None
                if isinstance(fault, int):
                    self.send_error(fault)
                    return
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and outer.supports_range else 0
                body = outer.content[start:]
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: fault[1]] if fault else body)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/weights.h5"

    @property
    def md5(self) -> str:
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], Server]]:
    servers: list[Server] = []

    def start(content: bytes) -> Server:
        servers.append(Server(content))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ml-cache")


@pytest.fixture(scope="session")
def untrained(cache_dir: Path) -> Weights:
    return resolve("untrained", cache_dir=cache_dir)


@pytest.fixture(scope="session")
def graph(request: pytest.FixtureRequest, untrained: Weights, cache_dir: Path) -> Path:
    """The untrained network as ONNX, exported once for all tests, also for commands that get `cache_dir`."""
    folder = prepared(request.config, "untrained", ["ml/**/*.py"], lambda folder: cached_graph(untrained, folder))
    shutil.copytree(folder, cache_dir, copy_function=os.symlink, dirs_exist_ok=True)
    return cached_graph(untrained, cache_dir)
