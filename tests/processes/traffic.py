"""Threads that act as shoppers and staff of a running shop, and record the responses."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from django.db import connections

from catalog.models import Product, ProductImage
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

LIMIT = 10  # look-alikes per search
ENOUGH = 12  # answers to each type of search before the next step


@dataclass(frozen=True)
class Answer:
    began: float
    ended: float
    asked: str  # SKU, or the name of a photo
    model: str
    results: list[tuple[str, float]]  # SKU, score


@dataclass
class Traffic:
    """Runs the shop's traffic in threads until `stop`."""

    url: str
    token: str
    stable: list[tuple[str, str]]  # SKU, slug
    mortal: list[str]
    photos: dict[str, bytes]
    files: dict[str, bytes]  # of every product that ever existed
    answers: list[Answer] = field(default_factory=list)
    pages: int = 0
    uploaded: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def heard(self, since: float) -> bool:
        """Whether both types of search got enough answers after this moment, or something failed."""
        asked = Counter(answer.asked in self.photos for answer in list(self.answers) if answer.began > since)
        return bool(self.problems) or (asked[True] >= ENOUGH and asked[False] >= ENOUGH)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        works = [self._search, self._search, self._photo, self._page, self._staff]
        threads = [
            threading.Thread(target=self._loop, args=(work, random.Random(seed))) for seed, work in enumerate(works)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()

    def _loop(self, work: Callable[[random.Random], None], chance: random.Random) -> None:
        try:
            while not self.stop.is_set():
                work(chance)
                time.sleep(0.02)
        except BaseException as error:  # noqa: BLE001  (reported by the test's own thread)
            self.problems.append(f"{work.__name__}: {error!r}")
            if isinstance(error, HTTPError):
                self.problems.append(error.read().decode(errors="replace")[:2000])
        finally:
            connections.close_all()

    def _search(self, chance: random.Random) -> None:
        sku, slug = chance.choice(self.stable)
        self._note(sku, Request(f"{self.url}/api/v1/products/{slug}/similar/?limit={LIMIT}"))

    def _photo(self, chance: random.Random) -> None:
        name = chance.choice(list(self.photos))
        self._note(
            name, posted(f"{self.url}/api/v1/search/image/", {"limit": str(LIMIT)}, ("photo", self.photos[name]))
        )

    def _note(self, asked: str, request: Request) -> None:
        began = time.monotonic()
        found = json.loads(fetch(request))
        results = [(entry["sku"], entry["score"]) for entry in found["results"]]
        self.answers.append(Answer(began, time.monotonic(), asked, found["model"], results))

    def _page(self, chance: random.Random) -> None:
        _, slug = chance.choice(self.stable)
        for address in (f"/p/{slug}/", f"/p/{slug}/similar/"):
            assert "Similar items" in fetch(Request(self.url + address))
        self.pages += 1

    def _staff(self, chance: random.Random) -> None:
        product = Shopkeeper().product(f"Upload {len(self.uploaded)}", category="things")
        data = drawn(10_000 + len(self.uploaded))
        upload = posted(f"{self.url}/api/v1/products/{product.slug}/images/", {}, ("file", data))
        upload.add_header("Authorization", f"Token {self.token}")
        fetch(upload)
        self.files[product.sku] = stored(product)
        self.uploaded.append(product.sku)
        if len(self.uploaded) % 3 == 0:
            gone = self.mortal.pop() if self.mortal and chance.random() < 0.7 else chance.choice(self.uploaded)
            if gone not in self.deleted:
                Product.objects.get(sku=gone).delete()
                self.deleted.append(gone)
        time.sleep(0.1)


def fetch(request: Request) -> str:
    with urlopen(request, timeout=60) as response:
        assert 200 <= response.status < 300
        return response.read().decode()


def posted(url: str, fields: dict[str, str], file: tuple[str, bytes]) -> Request:
    """A form with one file."""
    edge = "edge-of-a-part"
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()
    ]
    parts.append(f'--{edge}\r\nContent-Disposition: form-data; name="{file[0]}"; filename="a.jpg"\r\n\r\n')
    body = "\r\n".join(parts).encode() + file[1] + f"\r\n--{edge}--\r\n".encode()
    return Request(url, body, {"Content-Type": f"multipart/form-data; boundary={edge}"})


def drawn(number: int) -> bytes:
    """A unique picture: each has a different colour, shape and spots."""
    chance = random.Random(number)
    colour = (chance.randrange(256), chance.randrange(256), chance.randrange(256))
    shape = chance.choice(["ellipse", "rectangle"])
    return picture(colour, shape=shape, seed=number, size=(chance.randrange(40, 90), chance.randrange(50, 90)))


def stored(product: Product) -> bytes:
    with ProductImage.objects.get(product=product).file.open() as file:
        return file.read()
