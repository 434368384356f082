"""Inputs that once failed, each through the shop as people use it: what is right, and what happened.

LOOKALIKE_CASES names their folder. A stranger's file of the same kind can be tried with `manage.py import_catalog`.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import resource
import subprocess
import sys
import textwrap
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from bench import slow
from bench.emptying import empty_shop
from bench.shop import ScratchShop
from bench.verdicts import ask
from catalog.models import Category, Product, ProductImage
from catalog.services import add_image
from recommendations.pipeline import worker
from recommendations.search.photo import embed_photo
from recommendations.search.request import SearchRequest
from recommendations.search.service import search_photo
from recommendations.strips.cards import available

ROWS = re.compile(r"([0-9,]+) (?:row|picture)s?: ([0-9,]+) created, ([0-9,]+) changed, ([0-9,]+) unchanged, ([0-9,]+) ")
MOST_MIB = 400  # of a process that opens the bomb; one that imports nothing has 100
LOOKED_AT = 10  # results of a search
WIDTHS = (36, 44, 60)

Right = Callable[[], bool]


@dataclass(frozen=True)
class Row:
    name: str
    right: str
    happened: str
    ok: bool


class Cases:
    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root

    def rows(self) -> Iterator[Row]:
        yield from self.catalogs()
        yield self.bomb()
        yield from self.words()
        yield self.profiles()
        yield from self.pictures()
        yield self.placeholder(others=False)
        yield self.placeholder(others=True)
        yield self.deep()
        yield from self.slow_bodies()

    # Catalog files

    def catalogs(self) -> Iterator[Row]:
        tried: list[tuple[str, str, Right]] = [
            ("01-macos-finder-class-folders.zip", "4 products, system files skipped", lambda: _products() == 4),
            ("02-nas-and-jupyter-folder", "3 products of one category", lambda: (_products(), _categories()) == (3, 1)),
            ("03-unclosed-quote.zip", "only the broken row refused, 12 accounted for", lambda: _products() == 11),
            ("04-price-column.zip", "price, stock and brand used as given", self._prices),
            ("05-windows-backslash.zip", "3 products with pictures", lambda: _products() == _pictures() == 3),
            ("05b-windows-backslash-kaggle.zip", "2 products with pictures", lambda: _products() == _pictures() == 2),
            ("06-nfd-file-name.zip", "the picture is found", lambda: _products() == _pictures() == 1),
            ("07-jfif-and-case.zip", "3 pictures are found", lambda: _products() == _pictures() == 3),
            ("08-pandas-floats-nan.zip", "SKU 9001, year 2012, no colour", self._pandas),
            ("10-semicolon.zip", "read; the separator is named", lambda: _products() == _pictures() == 1),
            ("12-two-categories-one-address.zip", "four categories", lambda: _categories() == 4),
            ("13-extra-column-comma-name.zip", "the row is read or refused, and reported", lambda: True),
            ("15b-image-column.zip", "the picture is found", lambda: _products() == _pictures() == 1),
        ]
        for name, right, is_right in tried:
            empty_shop()
            yield self.catalog(name, right, is_right)
        empty_shop()
        yield self.catalog("09a-shop.zip", "3 products", lambda: _products() == 3)
        yield self.catalog("09b-same-inside-top-folder.zip", "still 3 products", lambda: _products() == 3)

    def catalog(self, name: str, right: str, is_right: Right) -> Row:
        """Imported; every row must be accounted for."""
        out, err = io.StringIO(), io.StringIO()
        failed = ""
        try:
            call_command("import_catalog", self.folder / name, stdout=out, stderr=err)
        except CommandError as error:
            failed = f"{error} "
        found = ROWS.search(out.getvalue())
        counts = [int(count.replace(",", "")) for count in found.groups()] if found else [-1]
        happened = failed + (found[0].strip().replace(",", "") if found else "")
        if err.getvalue():
            happened += f" — {err.getvalue().splitlines()[-1]}"
        return Row(name, right, happened, counts[0] == sum(counts[1:]) and is_right())

    @staticmethod
    def _prices() -> bool:
        found = list(Product.objects.order_by("sku").values_list("price", "stock", "brand"))
        return [(str(price), stock, brand) for price, stock, brand in found] == [
            ("19.90", 0, "Acme"), ("250.00", 3, "Acme"), ("9.99", 1, "Acme"),
        ]  # fmt: skip

    @staticmethod
    def _pandas() -> bool:
        product = Product.objects.get()
        attributes = product.attributes
        absent = not {"colour", "usage", "season"} & attributes.keys()
        return product.sku == "9001" and attributes.get("year") == "2012" and absent and _pictures() == 1

    def bomb(self) -> Row:
        path = self.folder / "csv-bomb-500mb.zip"
        began = time.monotonic()
        command = [sys.executable, "manage.py", "import_catalog", str(path)]
        done = subprocess.run(command, cwd=self.root, env=os.environ, capture_output=True, text=True, check=False)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
        said = (done.stderr.strip().splitlines() or [""])[-1]
        happened = f"exit code {done.returncode}, at most {peak:.0f} MiB, {time.monotonic() - began:.0f} s: {said}"
        return Row(path.name, "refused early, memory flat", happened, done.returncode == 2 and peak < MOST_MIB)

    # Words

    def words(self) -> Iterator[Row]:
        empty_shop()
        name = "20-text-search-words.zip"
        call_command("import_catalog", self.folder / name, stdout=io.StringIO(), stderr=io.StringIO())
        boss = User.objects.create_superuser("boss")
        for word, pattern in WORDS.items():
            theirs = {product.sku for product in Product.objects.all() if re.search(pattern, _text_of(product), re.I)}
            found = {"page": _page(word), "API": _api(word), "admin": _admin(word, boss)}
            due = min(len(theirs), LOOKED_AT)
            first = {door: sum(sku in theirs for sku in skus[:due]) for door, skus in found.items()}
            happened = ", ".join(f"{door} {count} of {due}" for door, count in first.items())
            yield Row(f"20: {word}", "its products first", happened, set(first.values()) == {due} != {0})

    # Pictures

    def profiles(self) -> Row:
        empty_shop()
        image = self._product("Sandal", (self.folder / "17-srgb-of-2714.jpg").read_bytes())
        worker.embed_now([image.pk])
        photo = embed_photo((self.folder / "17-p3-of-2714.jpg").read_bytes())
        best = search_photo(photo, SearchRequest(1, available())).matches
        score = best[0].score if best else None
        ok = score is not None and score >= 0.99
        return Row("17-p3-of-2714.jpg", "its sRGB copy scores ≥ .99", f"{score}", ok)

    def pictures(self) -> Iterator[Row]:
        heic = self.folder / "18-heif-major-brand-mif1.heic"
        said = _query(heic)
        yield Row(heic.name, "the sentence for HEIC", said, "HEIC" in said and "amaged" not in said)
        for name, right, codes in (
            ("avif-exif-24mp.avif", "accepted", {"ok"}),
            ("webp-orientation6-38mp.webp", "accepted", {"ok"}),
            ("testimgl.jpg", "one verdict at every door", {"ok", "corrupt", "unsupported_format"}),
            ("chunk_no_fctl.png", "one verdict at every door", {"ok", "corrupt", "unsupported_format"}),
        ):
            verdict = ask((self.folder / name).read_bytes())
            happened = f"query {verdict.query}, upload {verdict.upload}, pipeline {verdict.pipeline}"
            yield Row(name, right, happened, verdict.is_one and verdict.query in codes)

    def placeholder(self, *, others: bool) -> Row:
        """In a shop with other pictures, or without."""
        empty_shop()
        path = self.folder / "19-placeholder-120-products.zip"
        for each in (path, self.folder / "20-text-search-words.zip") if others else (path,):
            call_command("import_catalog", each, stdout=io.StringIO(), stderr=io.StringIO())
        worker.embed_now(list(ProductImage.objects.values_list("pk", flat=True)))
        with zipfile.ZipFile(path) as archive:
            photo = archive.read("images/ph1.jpg")
        page = _client().post("/search/photo/", {"photo": SimpleUploadedFile("photo.jpg", photo)})
        cards = len(_skus(page.content.decode()))
        name = f"{path.name}{' and others' if others else ''}"
        return Row(name, "a photo search shows twelve cards", f"{cards} cards", cards >= 12)

    def _product(self, title: str, data: bytes) -> ProductImage:
        category = Category.objects.first() or Category.add_root(name="Cases")
        product = Product.objects.create(sku=title, title=title, category=category, stock=1)
        return add_image(product=product, data=data)

    # Requests

    def deep(self) -> Row:
        name = "deep-1000.json"
        client = _client(User.objects.get_or_create(username="boss", is_superuser=True, is_staff=True)[0])
        answer = client.post("/api/v1/products/", (self.folder / name).read_bytes(), content_type="application/json")
        kind = answer.headers["Content-Type"]
        ok = answer.status_code == 400 and "json" in kind and "code" in answer.json()
        return Row(name, "400, a problem document", f"{answer.status_code}, {kind}", ok)

    def slow_bodies(self) -> Iterator[Row]:
        with slow.serving(self.root) as (_, port):
            for kind in ("body", "json", "head", "idle"):
                command = [sys.executable, str(self.folder / "slow.py"), str(port), kind, "20", "10"]
                said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
                waits = re.findall(r"healthz b'HTTP/1.1 200.*? ([0-9.]+)$", said, re.M)
                asked = len(re.findall("healthz", said))
                longest = max(map(float, waits), default=0.0)
                happened = f"{len(waits)} of {asked} other requests answered, after {longest:.2f} s at most"
                ok = bool(waits) and len(waits) == asked and longest < 2
                yield Row(f"slow.py {kind}, 20 clients", "other requests unaffected", happened, ok)


#: Words, and what is in the title, SKU or category of their products.
WORDS = {
    "soccer": "soccer", "football": "soccer", "only": r"\bonly\b", "crayon": "crayon", "oliver": r"s\.oliver",
    "us polo": r"u\.s\. polo", "59297": "59297", "footwear": "footwear", "tshirt": "t-?shirt", "t-shirt": "t-?shirt",
    "gray": "gr[ae]y", "footwaer": "footwear", "crayn": "crayon", "5929": "5929",
}  # fmt: skip


def _text_of(product: Product) -> str:
    return f"{product.title} {product.sku} {'/'.join(category.name for category in product.category.trail)}"


def _products() -> int:
    return Product.objects.count()


def _pictures() -> int:
    return ProductImage.objects.count()


def _categories() -> int:
    """Those with products."""
    return Product.objects.values("category").distinct().count()


def _client(user: User | None = None) -> Client:
    cache.clear()  # the counts of earlier requests
    client = Client(HTTP_HOST="localhost", HTTP_X_FORWARDED_PROTO="https", raise_request_exception=False)
    if user is not None:
        client.force_login(user)
    return client


def _page(word: str) -> list[str]:
    return _skus(_client().get("/search/", {"q": word}).content.decode())


def _api(word: str) -> list[str]:
    found: Any = _client().get("/api/v1/products/", {"q": word}).json()
    return [product["sku"] for product in found.get("results", [])]


def _admin(word: str, boss: User) -> list[str]:
    page = _client(boss).get("/admin/catalog/product/", {"q": word}).content.decode()
    ids = list(dict.fromkeys(map(int, re.findall(r"/admin/catalog/product/(\d+)/change/", page))))
    skus = dict(Product.objects.filter(pk__in=ids).values_list("pk", "sku"))
    return [skus[pk] for pk in ids if pk in skus]


def _skus(page: str) -> list[str]:
    """Of the products that a page links to, in its order, without those of a navigation."""
    main = page.partition("<main")[2] or page
    slugs = dict.fromkeys(re.findall(r'href="/p/([^"/?#]+)/', main))
    known = dict(Product.objects.filter(slug__in=slugs).values_list("slug", "sku"))
    return [known[slug] for slug in slugs if slug in known]


def _query(path: Path) -> str:
    """What the API answers to a photo search."""
    fields = {"photo": SimpleUploadedFile(path.name, path.read_bytes())}
    answer = _client().post("/api/v1/search/image/", fields)
    body = answer.json()
    errors = json.dumps(body.get("errors", ""), ensure_ascii=False) if body.get("errors") else ""
    return f"{answer.status_code} {body.get('code', 'ok')}: {body.get('detail', '')} {errors}".strip()


def measure(shop: ScratchShop) -> bool:
    """Print the table; whether every case is right."""
    folder = os.environ.get("LOOKALIKE_CASES", "")
    if not Path(folder).is_dir():
        sys.exit(f"LOOKALIKE_CASES must name the folder of cases, not {folder!r}.")
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    _print(("input", "what is right", "what happened"), "")
    rows = []
    for row in Cases(Path(folder).absolute(), shop.root).rows():
        _print((row.name, row.right, row.happened), "ok" if row.ok else "NOT OK")
        rows.append(row)
    wrong = [row.name for row in rows if not row.ok]
    print(f"\n{len(rows)} cases, {len(rows) - len(wrong)} ok" + (f"; not ok: {', '.join(wrong)}." if wrong else "."))
    return not wrong


def _print(cells: tuple[str, str, str], verdict: str) -> None:
    columns = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, WIDTHS, strict=True)]
    for number in range(max(map(len, columns))):
        parts = [column[number] if number < len(column) else "" for column in columns]
        line = "  ".join(part.ljust(width) for part, width in zip(parts, WIDTHS, strict=True))
        print(f"{line}  {verdict if not number else ''}".rstrip(), flush=True)
