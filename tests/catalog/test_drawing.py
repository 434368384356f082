"""The self-drawn shop: complete, repeatable, resumable, and with pictures that differ as their words do."""

import csv
import hashlib
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from catalog.drawing import draw_catalog
from catalog.drawing.canvas import Canvas
from catalog.drawing.catalog import draw, encode
from catalog.drawing.chance import seeded
from catalog.drawing.kinds import KINDS
from catalog.drawing.look import Look
from catalog.drawing.palette import COLOURS
from catalog.drawing.patterns import PATTERNS
from catalog.drawing.planning import PATTERN_WORDS, plan

HEADER = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    draw_catalog(folder, per_kind=1)
    return folder


def test_a_dozen_kinds_and_more_are_drawn_once_each(shop):
    with (shop / "styles.csv").open(newline="") as table:
        articles = [row["articleType"] for row in csv.DictReader(table)]
    assert len(articles) == len(set(articles)) == len(KINDS) == 23


def test_the_default_shop_stocks_460_products_with_ids_of_their_own():
    products = plan(seed=7, per_kind=20)
    assert len(products) == len({product.id for product in products}) == 460


def test_the_table_has_the_header_of_the_fashion_data_set(shop):
    assert (shop / "styles.csv").read_text().splitlines()[0] == HEADER


def test_every_row_has_its_picture_and_every_picture_its_row(shop):
    with (shop / "styles.csv").open(newline="") as table:
        names = {f"{row['id']}.jpg" for row in csv.DictReader(table)}
    assert names == {path.name for path in (shop / "images").iterdir()}
    for name in names:
        with Image.open(shop / "images" / name) as image:
            image.load()
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (480, 640))


def test_the_background_is_light_in_every_corner(shop):
    for path in (shop / "images").iterdir():
        with Image.open(path) as image:
            for corner in ((3, 3), (476, 3), (3, 636), (476, 636)):
                assert min(image.getpixel(corner)) > 225, (path.name, corner)


def test_a_seed_gives_the_same_bytes_again(shop):
    for product in plan(seed=7, per_kind=1)[::3]:
        assert encode(product) == (shop / "images" / f"{product.id}.jpg").read_bytes(), product.name


def test_another_seed_is_another_shop(shop):
    before = {product.id: product for product in plan(seed=7, per_kind=1)}
    for product in plan(seed=8, per_kind=1)[:3]:
        assert draw(product).tobytes() != draw(before[product.id]).tobytes()


def test_a_larger_shop_begins_with_the_smaller_one():
    assert [product.name for product in plan(7, 4)[: len(KINDS)]] == [product.name for product in plan(7, 1)]


def test_only_what_is_missing_is_drawn_again(shop):
    before = digests(shop)
    times = {path.name: path.stat().st_mtime_ns for path in (shop / "images").iterdir()}
    (shop / "images" / "10003.jpg").unlink()
    (shop / "styles.csv").unlink()
    draw_catalog(shop, per_kind=1)
    redrawn = [path.name for path in (shop / "images").iterdir() if path.stat().st_mtime_ns != times[path.name]]
    assert redrawn == ["10003.jpg"]
    assert digests(shop) == before


def test_the_table_is_gone_while_a_picture_is_missing(shop, tmp_path):
    seen = []
    for name in ("images/10001.jpg", "styles.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((shop / name).read_bytes())

    def stop_after_two(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_catalog(tmp_path, per_kind=1, progress=stop_after_two)
    assert seen == [(1, 23), (2, 23)]
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["10001.jpg", "10002.jpg"]


def test_a_picture_of_another_seed_is_drawn_over(shop):
    path = shop / "images" / "10002.jpg"
    before = path.read_bytes()
    path.write_bytes(encode(plan(seed=8, per_kind=1)[1]))
    draw_catalog(shop, per_kind=1)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.article)
def test_a_red_one_is_redder_than_a_blue_one(kind):
    """Measured where the product is, between the edges of the white wall."""
    means = []
    for name in ("Red", "Navy Blue"):
        canvas = Canvas()
        look = Look(COLOURS[name], COLOURS["White"], "plain", seeded("cut", 3), grain=kind.grain)
        kind.draw(canvas, seeded("own", 3), look)
        means.append(ImageStat.Stat(canvas.photograph()).mean)
    (red, _, blue), (other_red, _, other_blue) = means
    assert red - blue > other_red - other_blue + 4


def test_siblings_share_colour_pattern_and_cut_and_are_still_two_pictures():
    first, second = (product for product in plan(7, 2) if product.kind.article == "Dresses")
    assert (first.colour, first.pattern, first.cut_key) == (second.colour, second.pattern, second.cut_key)
    assert draw(first).tobytes() != draw(second).tobytes()


def test_every_pattern_and_colour_that_a_kind_names_exists():
    for kind in KINDS:
        assert set(kind.patterns) <= {"plain", *PATTERNS}
        assert set(kind.colours) <= set(COLOURS)
    assert set(PATTERN_WORDS) == set(PATTERNS)
