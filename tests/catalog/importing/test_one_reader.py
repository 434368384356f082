"""The shop and training read the same catalog file in the same way, however odd it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command

from catalog.models import ProductImage
from ml.datasets import open_set
from tests.pictures import picture

pytestmark = pytest.mark.django_db

HEADER = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"
PICTURES = {number: picture(seed=number, format="PNG") for number in (1, 2, 3)}

Files = dict[str, bytes]
#: One picture: SHA-256 of its file, type, colour, gender, display name.
Known = tuple[str, str, str | None, str | None, str]


def styles(*rows: str, header: str = HEADER, encoding: str = "utf-8", newline: str = "\n") -> Files:
    """A table in Kaggle's layout, with a picture for each numeric id."""
    text = newline.join([header, *rows, ""])
    return {"styles.csv": text.encode(encoding)} | {f"images/{number}.png": PICTURES[number] for number in PICTURES}


def line(number: int | str, name: str, **cells: str) -> str:
    cells = {"gender": "Women", "type": "Shirts", "colour": "Red"} | cells
    return f"{number},{cells['gender']},Apparel,Topwear,{cells['type']},{cells['colour']},Fall,2011,Casual,{name}"


ODD: dict[str, tuple[Files, int]] = {
    "plain": (styles(line(1, "Tee"), line(2, "Top")), 2),
    "unquoted commas in the name": (styles(line(1, "Tee, red, long"), line(2, "Tee, red")), 2),
    "quoted commas and line breaks": (styles(line(1, '"Tee, red\nlong"'), line(2, "Top")), 2),
    "absent in every case": (
        styles(*(line(number, "Tee", colour=word, gender=other)
                 for number, word, other in ((1, "NA", "none"), (2, "nan", "NULL"), (3, "N/a", "None")))),
        3,
    ),
    "too few and too many cells": (styles(line(1, "Tee"), "2,Women,Apparel", line(3, "Top")), 2),
    "a row that is not CSV": (styles(line(1, "Tee"), line(2, '"Top, big"x'), line(3, "Hat")), 2),
    "an id twice": (styles(line(1, "Tee"), line(1, "Another", colour="Blue"), line(2, "Top")), 2),
    "an id that is too long": (styles(line(1, "Tee"), line("9" * 65, "Top")), 1),
    "no picture": (styles(line(1, "Tee"), line(8, "Top")), 1),
    "spaces around cells": (styles(line(" 1 ", " Tee ", colour=" Red ")), 1),
    "formulas": (styles(line(1, "'=Tee", colour="'-Red")), 1),
    "a byte order mark": (styles(line(1, "Süße"), encoding="utf-8-sig"), 1),
    "UTF-16": (styles(line(1, "Süße"), encoding="utf-16"), 1),
    "semicolons": (styles(line(1, "Tee").replace(",", ";"), header=HEADER.replace(",", ";")), 1),
    "carriage returns": (styles(line(1, "Tee"), line(2, "Top"), newline="\r\n"), 2),
    "blank lines": (styles("", line(1, "Tee"), "", line(2, "Top")), 2),
    "rows of empty cells": (styles(",,,,,,,,,", line(1, "Tee"), " ,,,,,,,,, ", line(2, "Top")), 2),
    "columns in another order": (
        styles(",".join(reversed(line(1, "Tee").split(","))), header=",".join(reversed(HEADER.split(",")))), 1
    ),
    "one folder around everything": ({f"set/{name}": data for name, data in styles(line(1, "Tee")).items()}, 1),
    "a Mac's files next to it": (
        styles(line(1, "Tee")) | {"__MACOSX/._styles.csv": b"\0", "images/._1.png": b"\0", ".DS_Store": b"\0"}, 1
    ),
    "class folders": ({"Dress/1.png": PICTURES[1], "T_Shirt/2.PNG": PICTURES[2]}, 2),
    "class folders with hidden ones": (
        {"Dress/1.png": PICTURES[1], "Dress/._1.png": b"\0", ".thumbs/2.png": PICTURES[2],
         "__MACOSX/Dress/3.png": PICTURES[3], "Dress/@eaDir/4.png": PICTURES[3]}, 1
    ),
    "class folders with a list": ({"Dress/1.png": PICTURES[1], "labels.csv": b"file,label\nDress/1.png,3\n"}, 1),
    "a table of your own": (
        {"shop.tsv": b"Item ID\tName\tPhoto\tType\tColour\tGender\n"
                     b"A\tTee\t1.png\tTops > Shirts\tRed\tn/a\nB\tTop\t2.png|3.png\tTops\tNone\tWomen\n",
         **{f"photos/{number}.png": data for number, data in PICTURES.items()}}, 3
    ),
}  # fmt: skip


def of_the_shop(path: Path) -> set[Known]:
    call_command("import_catalog", path)
    images = ProductImage.objects.select_related("product__category")
    return {
        (
            image.source_digest,
            image.product.category.name,
            image.product.attributes.get("colour"),
            image.product.attributes.get("gender"),
            image.product.title.casefold(),
        )
        for image in images
    }


def of_training(path: Path) -> set[Known]:
    return {
        (
            hashlib.sha256(sample.read()).hexdigest(),
            sample.labels["type"].replace("_", " "),
            sample.labels.get("colour"),
            sample.labels.get("gender"),
            sample.group,
        )
        for sample in open_set(path)
    }


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize(("files", "pictures"), ODD.values(), ids=list(ODD))
def test_the_shop_and_training_read_the_same_records(
    files: Files, pictures: int, packed: bool, tmp_path: Path, zipped: Callable[[Files], Path]
) -> None:
    path = zipped(files) if packed else tmp_path / "set"
    for name, data in files.items() if not packed else ():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    shop, training = of_the_shop(path), of_training(path)
    assert len(shop) == pictures
    if any("class" in name or "Dress" in name for name in files):  # a class folder gives no name
        shop, training = ({known[:-1] for known in each} for each in (shop, training))  # type: ignore[assignment]
    assert {tuple(" ".join(str(part).split()) for part in known) for known in shop} == {
        tuple(map(str, known)) for known in training
    }
