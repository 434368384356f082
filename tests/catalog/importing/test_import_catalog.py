from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from catalog.importing import loader
from catalog.media.files import rowless_files
from catalog.models import Category, Product, ProductImage
from tests.catalog.conftest import row
from tests.pictures import picture

NOW = timedelta(minutes=-1)

pytestmark = pytest.mark.django_db


def run(path: Path, *, failing: str = "", **options: object) -> tuple[str, str]:
    """What the command prints; `failing` is the error with which it must end."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(CommandError, match=failing) if failing else nullcontext():
        call_command("import_catalog", path, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


@pytest.mark.slow
def test_a_folder_in_the_kaggle_layout_becomes_products_with_pictures(kaggle_folder: Callable[..., Path]) -> None:
    out, _ = run(kaggle_folder([row("1"), row("2", articleType="Tops", baseColour="Navy Blue")]))
    assert "2 products created, 0 existed already, 2 pictures added, 0 row errors" in out
    second = Product.objects.get(sku="2")
    assert second.title == "Shirt 2"
    assert second.category.address == "apparel/topwear/tops"
    assert second.attributes == {
        "colour": "Navy Blue", "gender": "Women", "season": "Summer", "year": "2016", "usage": "Casual"
    }  # fmt: skip
    assert second.price is None
    image = second.images.get()
    assert (image.width, image.height) == (60, 80)
    assert default_storage.exists(image.file.name)


def test_a_category_that_repeats_its_parent_is_kept_once(kaggle_folder: Callable[..., Path]) -> None:
    run(kaggle_folder([row("1", masterCategory="Accessories", subCategory="Watches", articleType="Watches")]))
    assert sorted(Category.objects.values_list("address", flat=True)) == ["accessories", "accessories/watches"]


def test_a_zip_reads_like_a_folder(kaggle_folder: Callable[..., Path], zipped: Callable[..., Path]) -> None:
    folder = kaggle_folder([row("1"), row("2")])
    files = {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
    out, _ = run(zipped({f"fashion/{name}": data for name, data in files.items()}))
    assert "2 products created, 0 existed already, 2 pictures added" in out


def test_each_class_folder_becomes_a_category(tmp_path: Path) -> None:
    for name in ("Dress", "T-Shirt"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(picture(seed=len(name), format="PNG"))
    out, _ = run(tmp_path)
    assert "2 products created" in out
    assert sorted(Product.objects.values_list("category__name", flat=True)) == ["Dress", "T-Shirt"]


def test_importing_again_changes_nothing(kaggle_folder: Callable[..., Path]) -> None:
    folder = kaggle_folder([row("1"), row("2")])
    run(folder)
    before = list(Product.objects.values().order_by("pk")), list(ProductImage.objects.values().order_by("pk"))
    out, _ = run(folder)
    assert "0 products created, 2 existed already, 0 pictures added" in out
    assert before == (list(Product.objects.values().order_by("pk")), list(ProductImage.objects.values().order_by("pk")))


def test_what_staff_changed_survives_another_import(kaggle_folder: Callable[..., Path]) -> None:
    folder = kaggle_folder([row("1")])
    run(folder)
    Product.objects.update(title="Handwritten", price=Decimal("12.50"))
    run(folder, demo_prices=True)
    assert Product.objects.values_list("title", "price").get() == ("Handwritten", Decimal("12.50"))


@pytest.mark.slow
def test_demo_prices_are_the_same_every_time(kaggle_folder: Callable[..., Path]) -> None:
    folder = kaggle_folder([row(str(number)) for number in range(30)])
    run(folder, demo_prices=True)
    first = dict(Product.objects.values_list("sku", "price"))
    on_sale = Product.objects.filter(compare_at_price__isnull=False).count()
    Product.objects.all().delete()
    run(folder, demo_prices=True)
    assert dict(Product.objects.values_list("sku", "price")) == first
    assert len(set(first.values())) > 10
    assert 0 < on_sale < 15


def test_limit_takes_the_first_products(kaggle_folder: Callable[..., Path]) -> None:
    run(kaggle_folder([row("3"), row("1"), row("2")]), limit=2)
    assert set(Product.objects.values_list("sku", flat=True)) == {"3", "1"}


def test_every_unusable_row_is_reported_with_file_line_and_reason(
    kaggle_folder: Callable[..., Path], tmp_path: Path
) -> None:
    rows = [
        row("1"),
        row("1"),
        row("2", productDisplayName="", baseColour="", articleType=""),
        row("3"),
        row("4"),
        row("5", productDisplayName="Shirt\0"),
    ]
    folder = kaggle_folder(rows, images={"1": picture(), "3": picture()[:300], "2": picture()})
    with (folder / "styles.csv").open("a") as stream:
        stream.write("6,too,few\n")
    report = tmp_path / "errors.csv"
    out, err = run(folder, errors=report)
    assert "3 products created" in out
    with report.open() as stream:
        found = {(line["file"], int(line["line"]), line["code"]) for line in csv.DictReader(stream)}
    assert found == {
        ("styles.csv", 3, "duplicate_sku"),
        ("styles.csv", 4, "no_title"),
        ("styles.csv", 5, "corrupt"),
        ("styles.csv", 6, "missing_file"),
        ("styles.csv", 7, "bad_csv"),
        ("styles.csv", 8, "bad_columns"),
    }
    assert "styles.csv:6: images/4.jpg is not in" in err


def test_a_product_whose_picture_is_unusable_is_visible_and_a_rerun_adds_the_picture(
    kaggle_folder: Callable[..., Path],
) -> None:
    folder = kaggle_folder([row("1")], images={"1": b"not a picture"})
    run(folder, failing="The only picture that the rows name could not be used")
    product = Product.objects.get()
    assert product.published
    assert not product.images.exists()
    (folder / "images" / "1.jpg").write_bytes(picture())
    out, _ = run(folder)
    assert "0 products created, 1 existed already, 1 picture added, 0 row errors" in out
    assert product.images.count() == 1


def test_unquoted_commas_in_the_last_column_are_part_of_the_name(kaggle_folder: Callable[..., Path]) -> None:
    folder = kaggle_folder([row("1")])
    table = folder / "styles.csv"
    table.write_text(table.read_text().replace("Shirt 1", "Shirt, red, long"))
    run(folder)
    assert Product.objects.get().title == "Shirt, red, long"


def test_a_byte_order_mark_is_accepted(kaggle_folder: Callable[..., Path]) -> None:
    folder = kaggle_folder([row("1")])
    table = folder / "styles.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    run(folder)
    assert Product.objects.count() == 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace(b"gender,", b"", 1), "lacks the column gender"),
        (lambda text: text.replace(b"id,", b'"id"x,', 1), "not readable as CSV"),
    ],
    ids=["missing column", "broken header"],
)
def test_an_unusable_table_is_refused_with_exit_status_2(
    kaggle_folder: Callable[..., Path], spoil: Callable[[bytes], bytes], message: str
) -> None:
    folder = kaggle_folder([row("1")])
    table = folder / "styles.csv"
    table.write_bytes(spoil(table.read_bytes()))
    with pytest.raises(CommandError, match=message) as caught:
        run(folder)
    assert caught.value.returncode == 2
    assert not Product.objects.exists()


def test_a_table_that_is_not_utf_8_is_read_with_a_warning(kaggle_folder: Callable[..., Path]) -> None:
    folder = kaggle_folder([row("1")])
    table = folder / "styles.csv"
    table.write_bytes(table.read_bytes().replace(b"Shirt 1", b"Shirt \xfc"))
    _, err = run(folder)
    assert "styles.csv is not UTF-8, so it is read as Windows-1252" in err
    assert Product.objects.get().title == "Shirt ü"


@pytest.mark.parametrize("name", ["missing.zip", "text.zip", "empty"])
def test_an_input_that_is_not_a_catalog_is_refused_with_exit_status_2(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.zip").write_text("not a zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CommandError) as caught:
        run(tmp_path / name)
    assert caught.value.returncode == 2


@pytest.mark.parametrize("options", [{}, {"dry_run": True}], ids=["import", "dry run"])
def test_nothing_importable_is_exit_status_1(kaggle_folder: Callable[..., Path], options: dict[str, bool]) -> None:
    with pytest.raises(CommandError, match="Nothing could be imported") as caught:
        run(kaggle_folder([row("", productDisplayName="x")]), **options)
    assert caught.value.returncode == 1


def test_a_link_out_of_the_folder_is_refused(kaggle_folder: Callable[..., Path], tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(picture())
    folder = kaggle_folder([row("1")], images={})
    (folder / "images" / "1.jpg").symlink_to(secret)
    _, err = run(folder, failing="could not be used")
    assert "is outside the folder [outside]" in err
    assert not ProductImage.objects.exists()


def test_zip_entries_outside_the_zip_are_ignored(zipped: Callable[..., Path]) -> None:
    out, _ = run(zipped({"Dress/a.jpg": picture(), "Dress/../../evil.jpg": picture(seed=1)}))
    assert "1 product created" in out


def test_a_zip_bomb_is_a_row_error(zipped: Callable[..., Path], settings: object) -> None:
    settings.IMAGE_MAX_BYTES = 100_000  # type: ignore[attr-defined]
    _, err = run(zipped({"Dress/a.jpg": picture(), "Dress/b.jpg": b"\0" * 10_000_000}))
    assert "unpacks to more than" in err
    assert ProductImage.objects.count() == 1


@pytest.mark.slow
def test_a_failed_chunk_leaves_no_file_behind(
    kaggle_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(rowless_files(older_than=NOW))

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(loader, "announce_images", broken)
    with pytest.raises(RuntimeError):
        run(kaggle_folder([row("1"), row("2")]))
    assert not Product.objects.exists()
    assert set(rowless_files(older_than=NOW)) == before


def test_odd_rows_never_stop_the_rest(kaggle_folder: Callable[..., Path]) -> None:
    rows = [
        row("A1", productDisplayName="Same"),
        row("a1", productDisplayName="Same"),
        row("A 1", productDisplayName="Same"),
        row("A-1", productDisplayName="Same"),
        row("2", masterCategory="x" * 101),
        row("3", subCategory="y" * 100, articleType="z" * 100),
        row("4", productDisplayName="w" * 400),
    ]
    folder = kaggle_folder(rows)
    (folder / "images" / "4.jpg").unlink()
    (folder / "images" / "4.jpg").symlink_to("4.jpg")
    out, err = run(folder)
    assert set(Product.objects.values_list("sku", flat=True)) == {"A1", "a1", "A 1", "A-1", "4"}
    assert "5 products created, 0 existed already, 4 pictures added, 3 row errors" in out
    assert err.count("[bad_category]") == 2
    assert err.count("[missing_file]") == 1


def test_file_names_that_are_not_unicode_are_row_errors(tmp_path: Path) -> None:
    (tmp_path / "Dress").mkdir()
    (tmp_path / "Dress" / "good.jpg").write_bytes(picture())
    with open(os.fsencode(tmp_path / "Dress") + b"/caf\xe9.jpg", "wb") as stream:
        stream.write(picture(seed=1))
    out, err = run(tmp_path)
    assert "1 product created" in out
    assert "[bad_text]" in err


def test_class_names_in_any_script_stay_apart(tmp_path: Path) -> None:
    for name in ("シャツ", "ドレス"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(picture(seed=len(name)))
    run(tmp_path)
    assert sorted(Product.objects.values_list("category__name", flat=True)) == ["シャツ", "ドレス"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_killed_import_is_completed_by_the_next_run(kaggle_folder: Callable[..., Path]) -> None:
    total = 3 * loader.CHUNK
    folder = kaggle_folder([row(str(number)) for number in range(total)])
    socket = settings.DATABASES["default"]["HOST"].replace("/", "%2F")
    name = connection.settings_dict["NAME"]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "import_catalog", str(folder)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": f"postgresql://lookalike@{socket}/{name}"},
    )
    while not Product.objects.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    partial = Product.objects.count()
    assert 0 < partial < total, "killed in the middle"
    assert partial % loader.CHUNK == 0, "chunks are all or nothing"
    out, _ = run(folder)
    assert f"{total - partial:,} products created, {partial:,} existed already" in out
    assert (Product.objects.count(), ProductImage.objects.count()) == (total, total)


@pytest.mark.slow
@pytest.mark.realdata
def test_bad_rows_of_real_data_are_reported_and_the_others_imported(data_folder: Path) -> None:
    out, err = run(data_folder / "fashion-small.zip", limit=500, demo_prices=True)
    assert "500 products created" in out
    assert ProductImage.objects.count() == 500 - err.count("[missing_file]")
