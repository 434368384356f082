"""How many ordinary photo searches are answered while other clients send photos of 39 MP to the same web process."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

import numpy as np
from PIL import Image

from bench.shop import ScratchShop
from recommendations.lifecycle.switching import ensure_active_model

PORT = 8791
LARGE = (7200, 5400)  # 38.9 MP
ORDINARY = (900, 1200)
PAUSE_S = 0.5  # between an ordinary client's searches
BOUNDARY = "bench-busy"


@dataclass
class Asked:
    """Answers to one kind of client: status or error → count; seconds of the answers with status 200."""

    answers: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    sentences: Counter[str] = field(default_factory=Counter)

    def line(self, name: str) -> str:
        tried, well = self.answers.total(), self.answers["200"]
        others = ", ".join(f"{count} × {what}" for what, count in sorted(self.answers.items()) if what != "200")
        times = ""
        if self.seconds:
            low, high = np.percentile(self.seconds, [50, 95])
            times = f"; p50 {low:.2f} s, p95 {high:.2f} s, worst {max(self.seconds):.2f} s"
        return f"  {name:<28} {well} of {tried} answered{times}" + (f"; {others}" if others else "")


def measure(shop: ScratchShop, *, seconds: float, clients: int) -> None:
    ensure_active_model(log=lambda line: print(f"  {line}"))
    limits = dict.fromkeys(("PAGE_RATE", "API_RATE", "SEARCH_RATE", "PHOTO_SEARCH_RATE"), "1000000/min")
    environment = {**os.environ, **limits, "NUM_PROXIES": "1", "HTTPS_ONLY": "false", "VAR_DIR": str(shop.var)}
    web = subprocess.Popen(
        [sys.executable, "-m", "shop", "web", "--bind", f"127.0.0.1:{PORT}"], cwd=shop.root, env=environment
    )
    try:
        _until_it_answers()
        large, ordinary = _photo(LARGE), _photo(ORDINARY)
        _post(ordinary, "192.0.2.250")  # loads the network
        print(f"{clients} clients with photos of {LARGE[0]} × {LARGE[1]}, {len(large) / 2**20:.1f} MB; 3 with ordinary")
        print(f"ones of {ORDINARY[0]} × {ORDINARY[1]}, a search each {PAUSE_S:g} s, for {seconds:g} s each:")
        for name, addresses in (
            ("none", []),
            ("each from its own address", [f"198.51.100.{number}" for number in range(1, clients + 1)]),
            ("all from one address", ["192.0.2.1"] * clients),
        ):
            print(f" with other clients: {name}")
            _run(large, ordinary, addresses, seconds)
    finally:
        web.terminate()
        web.wait()


def _run(large: bytes, ordinary: bytes, addresses: list[str], seconds: float) -> None:
    stop = threading.Event()
    searches, crowd, home = Asked(), Asked(), Asked()
    shared = addresses[0] if len(set(addresses)) == 1 else None
    threads = [
        *(threading.Thread(target=_ask, args=(crowd, large, address, 0.0, stop)) for address in addresses),
        *(
            threading.Thread(target=_ask, args=(searches, ordinary, shared or f"192.0.2.{10 + n}", PAUSE_S, stop))
            for n in range(3)
        ),
        threading.Thread(target=_look, args=(home, stop)),
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    print(searches.line("ordinary searches"))
    print(home.line("home page"))
    if addresses:
        print(crowd.line("39 MP searches"))
        for sentence, count in crowd.sentences.most_common(2):
            print(f"    {count} × {sentence}")


def _ask(asked: Asked, photo: bytes, address: str, pause: float, stop: threading.Event) -> None:
    while not stop.is_set():
        began = time.perf_counter()
        try:
            status, body, wait = _post(photo, address)
        except (OSError, HTTPException) as error:
            asked.answers[type(error).__name__] += 1
            continue
        asked.answers[str(status)] += 1
        if status == 200:
            asked.seconds.append(time.perf_counter() - began)
        else:
            asked.sentences[f"{body.get('code')}: {body.get('detail')} (Retry-After: {wait})"] += 1
        time.sleep(pause)


def _look(asked: Asked, stop: threading.Event) -> None:
    while not stop.is_set():
        began = time.perf_counter()
        try:
            connection = HTTPConnection("127.0.0.1", PORT, timeout=60)
            connection.request("GET", "/", headers={"X-Forwarded-For": "192.0.2.99"})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            asked.answers[str(answer.status)] += 1
            asked.seconds.append(time.perf_counter() - began)
        except (OSError, HTTPException) as error:
            asked.answers[type(error).__name__] += 1
        time.sleep(PAUSE_S)


def _post(photo: bytes, address: str) -> tuple[int, dict[str, str], str | None]:
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()
    connection = HTTPConnection("127.0.0.1", PORT, timeout=60)
    try:
        connection.request(
            "POST", "/api/v1/search/image/", body,
            {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "X-Forwarded-For": address},
        )  # fmt: skip
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.getheader("Retry-After")
    finally:
        connection.close()


def _photo(size: tuple[int, int]) -> bytes:
    """A JPEG with texture, so that it is as large as a camera's, and progressive, as browsers on phones send it."""
    chance = np.random.default_rng(1)
    coarse = chance.integers(0, 255, (size[1] // 12, size[0] // 12, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88, progressive=True)
    return buffer.getvalue()


def _until_it_answers() -> None:
    for _ in range(200):
        try:
            connection = HTTPConnection("127.0.0.1", PORT, timeout=5)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.3)
    sys.exit("The web process did not start.")
