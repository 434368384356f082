"""`python -m bench COMMAND`; `--help` lists the commands."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import django

from bench.shop import RATES, ScratchShop, open_scratch_shop
from bench.slow import KINDS
from bench.vectors import SETS
from bench.wrecked_shop import wrecked_shop
from common.arguments import not_negative, number, positive

ROOT = Path(__file__).resolve().parents[1]
WITHOUT_DJANGO = ("embed", "int8", "fit", "crop", "dots", "colours", "models", "renditions", "pages")
WITHOUT_A_SHOP = ("badges", "match", "verdicts")
IN_THE_LARGE_SHOP = ("large", "routes", "busy")
MODULES = {"import": "importing"}  # the others are named like their commands

DESCRIPTION = """\
Measure this machine. Each command uses a scratch shop (BENCH_VAR_DIR, default var/bench), makes its comparisons within
one run, and needs otherwise idle cores.

  python -m bench embed     images per second from JPEG bytes to vectors, against Keras and raw ONNX Runtime
  python -m bench int8      cosine, neighbours and speed of int8 on this processor, against floats
  python -m bench crop      whether a photo finds more of its type when it is cropped to what the network looks at
  python -m bench dots      whether dots on a photo would find what else is in it
  python -m bench fit       results for pictures prepared in other ways: border, stretch, crop
  python -m bench colours   own scores of pictures in other colour profiles; exit code 1 below .99
  python -m bench models    models side by side: test side, sizes, amateur photos, ten backgrounds, file and speed
  python -m bench renditions  milliseconds to make smaller copies of pictures, and bytes that pages save by them
  python -m bench pages     every kind of page in Chromium: bytes, LCP, layout shift, axe; exit code 1 beyond a target
  python -m bench match     what match and “No close matches” claim, against pictures never trained on
  python -m bench badges    how often badges on a photo's results are right, and “No close matches” for hats
  python -m bench import    products and photos per second through import_catalog, without embedding
  python -m bench pipeline  pictures per second through a real worker, against the raw ONNX Runtime rate
  python -m bench search    p50/p95 of the similar-products query, and recall, by filter selectivity
  python -m bench strips    effects of own category, variety and one card per style on a strip
  python -m bench sheets    ten strips and five photo searches of the real catalog, before and after, as pictures
  python -m bench plans     when comparing is faster than walking the index: a constant of search/plans.py
  python -m bench memory    resident memory of web and worker processes
  python -m bench slow      response times of other clients while 200 clients send or read byte by byte
  python -m bench chaos     uploads while workers, Redis and Postgres are killed: is anything lost?
  python -m bench large     fill the shop of 300,000 products that `routes` measures, once, in a few minutes
  python -m bench routes    the cost of every public page and API response in the large shop
  python -m bench busy      ordinary photo searches while six clients send photos of 39 MP
  python -m bench cases     inputs that once failed, in the folder LOOKALIKE_CASES: what is right, what happened
  python -m bench words     text search: success@5 and p50/p95 of real and misspelt queries, up to 300,000 products
  python -m bench verdicts  files in folders through query, upload and pipeline: do they agree?

LOOKALIKE_DATA names a folder with fashion-small.zip (real photos) and, for trained weights,
resnet50-fashion-start.npz. Without it the demo photos and untrained weights are used, and the output says so.
"""


def benchmarks() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m bench", description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    importing = commands.add_parser("import")
    importing.add_argument("--products", type=positive, default=5000)
    pipeline = commands.add_parser("pipeline")
    pipeline.add_argument("--images", type=positive, default=10_000)
    search = commands.add_parser("search")
    search.add_argument("--sets", default=",".join(SETS), help="some of " + ", ".join(SETS))
    search.add_argument("--queries", type=positive, default=300)
    search.add_argument("--quick", action="store_true", help="2,000 photos and few searches, to check that it runs")
    search.add_argument(
        "--libraries", default="scikit-learn,faiss,hnswlib", help="libraries to compare with; empty for none"
    )
    search.add_argument("--build-only", action="store_true", help="only fill and index, for the next run")
    search.add_argument("--fresh", action="store_true", help="fill and index again what an earlier run left")
    strips = commands.add_parser("strips")
    strips.add_argument("--limit", type=positive, default=8000, help="number of products")
    strips.add_argument("--queries", type=positive, default=500)
    strips.add_argument("--seed", type=not_negative, default=0)
    sheets = commands.add_parser("sheets")
    sheets.add_argument("--out", type=Path, default=Path("var/sheets"), metavar="DIR")
    sheets.add_argument("--limit", type=positive, help="number of products (default: all)")
    sheets.add_argument("--seed", type=not_negative, default=2)
    plans = commands.add_parser("plans")
    plans.add_argument("--rows", type=positive, default=100_000)
    plans.add_argument("--queries", type=positive, default=40)
    commands.add_parser("memory")
    chaos = commands.add_parser("chaos")
    chaos.add_argument("--minutes", type=number(0, 10_000), default=5.0)
    chaos.add_argument("--seed", type=not_negative, default=0, help="decides the pictures and faults")
    large = commands.add_parser("large")
    large.add_argument("--products", type=positive, default=300_000)
    large.add_argument("--fresh", action="store_true", help="discard what an earlier run left")
    routes = commands.add_parser("routes")
    routes.add_argument("--products", type=positive, default=300_000)
    routes.add_argument("--rounds", type=positive, default=5, help="requests per route")
    routes.add_argument("--only", default="", help="only routes with this text in their name")
    words = commands.add_parser("words", help="exit code 1 below the targets")
    words.add_argument("--queries", type=positive, default=200)
    words.add_argument("--seed", type=not_negative, default=0, help="decides the queries and their misspellings")
    words.add_argument(
        "--products", type=positive, nargs="+", default=[], metavar="N", help="sizes of the shop, rising"
    )
    words.add_argument("--show", action="store_true", help="print each query that failed")
    busy = commands.add_parser("busy")
    busy.add_argument("--seconds", type=number(0, 10_000), default=30.0)
    busy.add_argument("--clients", type=positive, default=6, help="clients that send photos of 39 MP")
    slow = commands.add_parser("slow", help="exit code 1 if another client waited for more than a second")
    slow.add_argument("--clients", type=positive, default=200)
    slow.add_argument("--seconds", type=number(0, 10_000), default=60.0, help="for each kind of client")
    slow.add_argument("--kinds", default=",".join(KINDS), help="some of " + ", ".join(KINDS))
    slow.add_argument("--bare", action="store_true", help="without Caddy in front")
    slow.add_argument("--caddy", default="caddy", metavar="PROGRAM", help="the Caddy to use")
    embed = commands.add_parser("embed")
    embed.add_argument("--sizes", default="224,bundled", help="in pixels; bundled is the default model at its own size")
    embed.add_argument("--seconds", type=number(0, 10_000), default=4.0)
    embed.add_argument("--weights", help="instead of the default model")
    int8 = commands.add_parser("int8")
    int8.add_argument("--limit", type=positive, default=300, help="pictures of each of two sets")
    int8.add_argument("--weights", help="instead of the bundled model")
    int8.add_argument("--seconds", type=number(0, 10_000), default=4.0, help="for the speed of each")
    crop = commands.add_parser("crop")
    crop.add_argument("--limit", type=positive, default=1500, help="photos to find")
    crop.add_argument("--queries", type=positive, default=400)
    crop.add_argument("--weights", help="instead of the default model")
    crop.add_argument("--seed", type=not_negative, default=0)
    dots = commands.add_parser("dots")
    dots.add_argument("--limit", type=positive, default=100, help="pairs of products, and photos of each other kind")
    dots.add_argument("--weights", action="append", default=[], metavar="NAME",
        help="may be repeated (default: every bundled edition)")  # fmt: skip
    dots.add_argument("--seed", type=not_negative, default=0)
    fit = commands.add_parser("fit")
    fit.add_argument("--limit", type=positive, default=6000, help="studio pictures to find")
    fit.add_argument("--queries", type=positive, default=1000)
    fit.add_argument("--weights", help="instead of the default model")
    fit.add_argument("--seed", type=not_negative, default=0)
    colours = commands.add_parser("colours", help="exit code 1 if pictures score less than .99 against themselves")
    colours.add_argument("--limit", type=positive, default=60, help="number of pictures")
    colours.add_argument("--weights", help="instead of the default model")
    renditions = commands.add_parser("renditions")
    renditions.add_argument("--limit", type=positive, default=80, help="number of pictures of each set")
    pages = commands.add_parser("pages", help="exit code 1 if a figure misses its target")
    pages.add_argument("--url", default="", help="of a running shop (default: starts a demo)")
    pages.add_argument("--limit", type=positive, help="products of the demo (default: all)")
    pages.add_argument("--runs", type=positive, default=3, help="for the median of each paint")
    pages.add_argument("--only", default="", help="only pages with this text in their name")
    models = commands.add_parser("models")
    models.add_argument("--goods", type=Path, metavar="DATA", help="class folders of other things than clothes")
    models.add_argument("--seconds", type=number(0, 10_000), default=4.0, help="for each speed; 0 leaves it out")
    badges = commands.add_parser("badges", help="exit code 1 if a badge is right for fewer than nine of ten")
    badges.add_argument("--limit", type=positive, default=1500, help="pictures of the shop")
    match = commands.add_parser("match")
    match.add_argument("--nothing", type=Path, metavar="DATA", help="class folders with photos of nothing in the shop")
    for each in (badges, models, match):
        each.add_argument("--weights", action="append", default=[], metavar="NAME",
            help="may be repeated (default: every bundled edition)")  # fmt: skip
        each.add_argument("--cache-dir", type=Path, help="of decoded pictures and vectors")
        each.add_argument("--json", action="store_true", dest="as_json", help="one JSON line")
    for each in (models, match):
        each.add_argument("--split", type=Path, help="of fashion-small.zip (default: the bundled models')")
        each.add_argument("--photos-split", type=Path, help="of clothing-photos.zip (default: the bundled models')")
        each.add_argument(
            "--gallery",
            type=positive,
            metavar="N",
            help="N random pictures, the test side and the thumbnails (default: all)",
        )
    commands.add_parser("cases", help="exit code 1 if any is not right")
    verdicts = commands.add_parser("verdicts")
    verdicts.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="with pictures or any other files")
    return parser


def main() -> None:
    options = vars(benchmarks().parse_args())
    command = options.pop("command")
    if command in WITHOUT_DJANGO:
        result = _measure_of(command)(**options)
    elif command in WITHOUT_A_SHOP:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
        django.setup()
        result = _measure_of(command)(**options)
    elif command == "slow":
        result = _measure_of(command)(ROOT, **options)
    elif command == "chaos":
        wrecked = wrecked_shop(ROOT)
        result = _measure_of(command)(wrecked, **options)
    else:
        shop = _scratch_shop(command)  # before its module, which imports Django's models
        result = _measure_of(command)(shop, **options)
    sys.exit(1 if result is False else 0)


def _scratch_shop(command: str) -> ScratchShop:
    if command in IN_THE_LARGE_SHOP:
        os.environ.update(dict.fromkeys(RATES, ""))
        return open_scratch_shop(ROOT, weights="bundled", name="large")
    if command == "cases":
        os.environ.update(dict.fromkeys(RATES, ""))
        return open_scratch_shop(ROOT, weights="bundled", name="cases")
    if command == "words":
        return open_scratch_shop(ROOT, weights="bundled", name="words")
    return open_scratch_shop(ROOT, weights="bundled" if command == "sheets" else None)


def _measure_of(command: str) -> Callable[..., bool | None]:
    """Load the module of a command. Not before: Django's models can be imported only once the settings name the
    shop, and the modules that run networks need seconds to load."""
    measure: Callable[..., bool | None] = import_module(f"bench.{MODULES.get(command, command)}").measure
    return measure


if __name__ == "__main__":
    main()
