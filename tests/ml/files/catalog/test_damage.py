"""Damaged tables: each row is read or refused, and damage costs the row that it is in."""

from __future__ import annotations

import csv
import io
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.files.catalog.cells import BadCell, stock_of
from ml.files.catalog.errors import CatalogFileError, RowError
from ml.files.catalog.opening import open_catalog
from ml.files.catalog.records import Record
from ml.files.catalog.rows import Row
from ml.files.catalog.text import read_text

HEADER = ("sku", "title", "image", "price")
KAGGLE = ("id", "gender", "masterCategory", "subCategory", "articleType", "baseColour", "season", "year", "usage",
          "productDisplayName")  # fmt: skip


def rows_of(data: bytes, name: str = "catalog.csv") -> list[Row | RowError]:
    return list(read_text(name, lambda: io.BytesIO(data)).rows())


def titles(data: bytes) -> list[str | None]:
    """The title in each row, None for a refused one."""
    return [None if isinstance(row, RowError) else row[1][1] for row in rows_of(data)]


def table(*lines: str, end: str = "\n") -> bytes:
    return end.join([",".join(HEADER), *lines, ""]).encode()


FINE = [f"S{number},Coat {number},{number}.jpg,5" for number in range(6)]
DAMAGE: dict[str, tuple[bytes, list[int]]] = {
    "a quote at the beginning of a cell": (b'S,"Coat,c.jpg,5', [0]),
    "a quote at the end of the row": (b'S,Coat,c.jpg,"5', [0]),
    "a quote as the first cell": (b'"S,Coat,c.jpg,5', [0]),
    "text after a closing quote": (b'S,"Nike, big" coat,c.jpg,5', [0]),
    "only a quote": (b'"', [0]),
    "a NUL byte": (b"S,Co\0at,c.jpg,5", [0]),
    "a cell of a megabyte": (b"S," + b"x" * 2**21 + b",c.jpg,5", [0]),
    "a cell of 200 KB": (b"S," + b"x" * 200_000 + b",c.jpg,5", [0]),
    "an open quote before a cell of a megabyte": (b'S,"Coat,c.jpg,5\nT,' + b"x" * 2**21 + b",c.jpg,5", [0, 1]),
    "two open quotes": (b'S,"Coat,c.jpg,5\nT,"Hat,h.jpg,5', [0, 1]),
    "an open quote before inches": (b'S,"Coat,c.jpg,5\nT,Frame,f.jpg,12"', [0]),
    "an open quote before a quoted cell": (b'S,"Coat,c.jpg,5\nT,"Hat, red",h.jpg,5', [0]),
    "an open quote before a cell of two lines": (b'S,"Coat,c.jpg,5\nT,"Hat\nred",h.jpg,5', [0]),
}


@pytest.mark.parametrize("place", [0, 3, 6], ids=["first", "middle", "last"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(("damage", "refused"), DAMAGE.values(), ids=list(DAMAGE))
def test_damage_costs_its_row_and_no_other(damage: bytes, refused: list[int], end: str, place: int) -> None:
    lines: list[bytes] = [line.encode() for line in FINE]
    lines.insert(place, damage.replace(b"\n", end.encode()))
    data = b"".join(line + end.encode() for line in (",".join(HEADER).encode(), *lines))
    found = titles(data)
    assert [title for title in found if title in {f"Coat {number}" for number in range(6)}] == [
        f"Coat {number}" for number in range(6)
    ]
    assert [number for number, title in enumerate(found[place:]) if title is None] == refused


def test_mixed_line_ends_are_line_ends() -> None:
    assert titles(b"sku,title,image,price\rA,One,a,1\r\nB,Two,b,1\nC,Three,c,1\n\rD,Four,d,1") == [
        "One", "Two", "Three", "Four",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["Two\nlines", "Two\n\nparagraphs, with commas, and more, of them", 'A "quoted"\nword', "a,b\nc,d", "\n", "x\r\ny",
     "S, M, L, XL\nor 38, 39, 40, 41\nand more"],
)  # fmt: skip
def test_right_line_breaks_in_quotes_are_kept(text: str) -> None:
    stream = io.StringIO()
    csv.writer(stream).writerows([HEADER, ("A", text, "a.jpg", "1"), ("B", "Hat", text, "2"), ("C", "Cap", "c", text)])
    assert titles(stream.getvalue().encode()) == [text, "Hat", "Cap"]


def test_bytes_that_are_not_utf_8_cost_their_row_if_the_others_are() -> None:
    data = table("A,Jäckchen,a,1", "B,Röcke,b,1") + b"C,J\xe4ck\xffchen,c,1\nD,Hat,d,1\n"
    found = read_text("catalog.csv", lambda: io.BytesIO(data))
    rows = list(found.rows())
    assert found.warnings == ("1 line of catalog.csv has bytes that are not UTF-8, and is refused.",)
    assert titles(data) == ["Jäckchen", "Röcke", None, "Hat"]
    assert [row.code for row in rows if isinstance(row, RowError)] == ["bad_text"]


@pytest.mark.parametrize(
    ("encoding", "dialect"),
    [
        ("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"), ("utf-32", "UTF-32"), ("cp1252", "Windows-1252"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("separator", "called"), [(",", "commas"), (";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")]
)
def test_separator_and_encoding_are_detected_and_named(
    separator: str, called: str, encoding: str, dialect: str
) -> None:
    text = f"sku{separator}title{separator}image\r\nA{separator}Größe{separator}a.jpg\r\n"
    for first in ("", f"sep={separator}\r\n"):
        data = (first + text).encode(encoding)
        found = read_text("catalog.csv", lambda data=data: io.BytesIO(data))  # type: ignore[misc]
        assert found.dialect == f"{called}, {dialect}"
        assert [row[1] for row in found.rows() if not isinstance(row, RowError)] == [["A", "Größe", "a.jpg"]]


cells = st.text(alphabet=st.sampled_from('ab ,"\n\r;\0é'), max_size=12)


@pytest.mark.slow
@given(st.lists(st.lists(cells, min_size=1, max_size=6), max_size=8), st.integers(0, 2**32))
def test_whatever_the_rows_are_every_one_is_read_or_refused(rows: list[list[str]], seed: int) -> None:
    """Written as CSV and then damaged: fine rows before the damage and after it are read, each once."""
    stream = io.StringIO()
    csv.writer(stream).writerows([HEADER, ("first", "First", "1.jpg", "1"), *rows])
    data = bytearray(stream.getvalue().encode())
    fine = data.index(b"1.jpg") + len(b"1.jpg,1\r\n")
    chance = random.Random(seed)
    for _ in range(chance.randrange(3)):
        place = chance.randrange(fine, len(data) + 1)
        data[place : place + chance.randrange(2)] = chance.choice([b'"', b"\0", b"\xff", b",", b"\n", b""])
    end = b"\r\n" + b"".join(b"last %d,Last %d,2.jpg,1\r\n" % (number, number) for number in range(3))
    found = rows_of(bytes(data) + end)
    skus = [row[1][0] for row in found if not isinstance(row, RowError)]
    assert skus.count("first") == 1
    assert skus[-2:] == ["last 1", "last 2"]
    lines = [row.line if isinstance(row, RowError) else row[0] for row in found]
    assert lines == sorted(set(lines)), "each line begins at most one row"


def records(folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for record in open_catalog(folder).records():
        if not isinstance(record, RowError):
            yield record.sku, tuple(name for name, _ in record.pictures)


def catalog(folder: Path, text: str, *files: str, name: str = "styles.csv") -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"x")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


def kaggle(*ids: str) -> str:
    return "\n".join([",".join(KAGGLE), *(f"{sku},Men,A,B,C,Red,Fall,2012.0,Casual,Name" for sku in ids), ""])


@pytest.mark.parametrize(
    ("sku", "file"),
    [
        ("1", "images/1.jpg"), ("1", "Images/1.JPG"), ("AB-2", "images/ab-2.jfif"), ("1", "photos/1.jpe"),
        ("R\u00f6cke", "images/Ro\u0308cke.png"), ("Ro\u0308cke", "images/R\u00f6cke.png"),
        ("9001.0", "images/9001.jpg"),
        ("1", "IMAGES/1.heic"), ("1", "1.webp"),
    ],
)  # fmt: skip
def test_the_picture_of_a_sku_is_found_whatever_its_spelling(tmp_path: Path, sku: str, file: str) -> None:
    assert [pictures for _, pictures in records(catalog(tmp_path, kaggle(sku), file))] == [(file,)]


@pytest.mark.parametrize(
    ("cell", "file"),
    [
        ("coat.jpg", "photos/coat.JPEG"), ("coat.jpeg", "Photos/Coat.jfif"), ("coat", "photos/coat.png"),
        ("my%20coat.jpg", "photos/my coat.jpg"), (r"C:\\shop\\photos\\coat.jpg", "photos/coat.jpg"),
        ("/home/me/coat.jpg", "photos/coat.jpg"), ("file:///C:/photos/coat.jpg", "coat.jpg"),
        ("ro\u0308cke.jpg", "photos/r\u00f6cke.jpg"), ("PHOTOS/COAT.JPG", "photos/coat.jpg"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", ["table", "kaggle"])
def test_the_picture_of_a_cell_is_found_whatever_its_spelling(
    tmp_path: Path, layout: str, cell: str, file: str
) -> None:
    text = f'sku,title,image\nA,Coat,"{cell}"\n'
    if layout == "kaggle":
        text = f'{",".join(KAGGLE)},filename\nA,Men,A,B,C,Red,Fall,2012,Casual,Name,"{cell}"\n'
    assert [pictures for _, pictures in records(catalog(tmp_path, text, file))] == [(file,)]


@pytest.mark.parametrize(
    "cell", ["a.jpg|b.jpg", "a.jpg; b.jpg", "a.jpg, b.jpg", '["a.jpg", "b.jpg"]', "['a.jpg','b.jpg']"]
)
def test_several_pictures_may_be_listed_in_many_ways(tmp_path: Path, cell: str) -> None:
    quoted = cell.replace('"', '""')
    folder = catalog(tmp_path, f'sku,title,image\nA,Coat,"{quoted}"\n', "a.jpg", "b.jpg")
    assert [pictures for _, pictures in records(folder)] == [("a.jpg", "b.jpg")]


@pytest.mark.parametrize("index", ["", "Unnamed: 0"])
@pytest.mark.parametrize("name", ["catalog.csv", "catalog.txt", "CATALOG.TSV"])
def test_the_index_of_pandas_is_no_column(tmp_path: Path, index: str, name: str) -> None:
    text = f"{index}\tsku\ttitle\timage\n0\tA\tCoat\ta.jpg\n1\tB\tHat\tb.jpg\n"
    folder = catalog(tmp_path, text, "a.jpg", "b.jpg", "readme.txt", name=name)
    found = list(open_catalog(folder).records())
    assert [(record.sku, record.attributes) for record in found if isinstance(record, Record)] == [("A", {}), ("B", {})]


@pytest.mark.parametrize(
    ("text", "stock"),
    [("0", 0), ("3.0", 3), ("3,00", 3), ("1 000", 1000), ("1,000,000", 1_000_000), ("1,000", None), ("1.000", None),
     ("-3", None), ("2.5", None), ("many", None)],
)  # fmt: skip
def test_stock_is_read_as_people_write_it(text: str, stock: int | None) -> None:
    if stock is None:
        with pytest.raises(BadCell):
            stock_of(text)
    else:
        assert stock_of(text) == stock


@pytest.mark.parametrize("cell", ["coat.png", "front/coat.jpg", "../coat.jpg", "coat.v2"])
def test_another_picture_is_not_taken_for_a_missing_one(tmp_path: Path, cell: str) -> None:
    folder = catalog(tmp_path, f"sku,title,image\nA,Coat,{cell}\n", "back/coat.jpg")
    assert [pictures for _, pictures in records(folder)] != [("back/coat.jpg",)]


SYSTEM = [
    "._1.jpg", ".DS_Store/1.jpg", "__MACOSX/1.jpg", ".ipynb_checkpoints/1-checkpoint.jpg", "@eaDir/1.jpg/THUMB_M.jpg",
    "#recycle/1.jpg", ".Trash-1000/files/1.jpg", ".AppleDouble/1.jpg", ".git/1.jpg", "lost+found/1.jpg", "@tmp/1.jpg",
    "$RECYCLE.BIN/1.jpg", ".picasaoriginals/1.jpg", "System Volume Information/1.jpg", "#snapshot/1.jpg",
    ".Trashes/1.jpg", "@Recycle/1.jpg", "~$1.jpg", ".@__thumb/1.jpg", "LOST.DIR/1.jpg",
]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "beside"),
    [
        ("data/", ()),
        ("my shop/", ("README.txt",)),
        ("my shop/", ("notes.csv",)),
        ("a/b/c/", ()),
        ("a/b/", ("a/LICENSE",)),
    ],
)
def test_a_table_that_is_not_at_the_top_is_found(tmp_path: Path, place: str, beside: tuple[str, ...]) -> None:
    folder = catalog(
        tmp_path, "sku,title,image\nA,Coat,coat.jpg\n", "photos/coat.jpg", *beside, name=f"{place}shop.csv"
    )
    assert open_catalog(folder).layout == "table"
    assert list(records(folder)) == [("A", ("photos/coat.jpg",))]


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("above", ["", "Dress/", "my shop/Dress/"])
def test_files_of_systems_are_no_products_in_any_layout(tmp_path: Path, above: str, packed: bool) -> None:
    beside = [f"{above}{name}" for name in SYSTEM] + [f"{above}Thumbs.db", f"{above}desktop.ini"]
    top = above.partition("/")[0]
    for layout, text, name in (
        ("folder", "", "Thumbs.db"),
        ("table", "sku,title,image\nA,Coat,1.jpg\n", "catalog.csv"),
        ("kaggle", kaggle("1"), "styles.csv"),
    ):
        folder = tmp_path / f"{layout}"
        place = f"{above or 'Dress/'}1.jpg" if layout != "kaggle" else f"{top or '.'}/images/1.jpg"
        hidden = [*beside, f"{top or '.'}/~${name}", f"{top or '.'}/._{name}"]
        catalog(folder, text, place, *hidden, name=f"{top or '.'}/{name}")
        path = zipped(folder, tmp_path / f"{layout}.zip") if packed else folder
        assert open_catalog(path).layout == layout
        assert [pictures for _, pictures in records(path)] == [(place.removeprefix("./"),)], layout


def zipped(folder: Path, path: Path, rename: Callable[[str], str] = str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.writestr(rename(file.relative_to(folder).as_posix()), file.read_bytes())
    return path


def test_names_in_zips_are_read_as_windows_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Jacken\\1.jpg", b"x")
        archive.writestr("./Jacken//2.jpg", b"x")
        archive.writestr("Röcke/3.jpg", b"x")
    assert [name for _, (name,) in records(path)] == ["Jacken/1.jpg", "Jacken/2.jpg", "Röcke/3.jpg"]


@pytest.mark.parametrize("name", ["Röcke", "Dresses"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp437"])
def test_names_without_the_mark_for_utf_8_are_read(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / "photos.zip"
    raw = f"{name}/1.jpg".encode(encoding)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x" * len(raw), b"x")
    path.write_bytes(path.read_bytes().replace(b"x" * len(raw), raw))
    assert [pictures for _, pictures in records(path)] == [(f"{name}/1.jpg",)]


def test_links_to_folders_are_reported(tmp_path: Path) -> None:
    folder = catalog(tmp_path / "shop", "", "Dress/1.jpg", "Windows\\2.jpg", name="Thumbs.db")
    (tmp_path / "secret").mkdir()
    (folder / "Secret").symlink_to(tmp_path / "secret")
    assert open_catalog(folder).warnings == ("Links and entries that lead out of shop are not read: Secret.",)
    assert [name for _, (name,) in records(folder)] == ["Dress/1.jpg", "Windows/2.jpg"]


def test_entries_that_lead_out_of_a_zip_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    link = zipfile.ZipInfo("Dress/link.jpg")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("Dress/1.jpg", "../../evil.jpg", "/etc/evil.jpg", r"C:\evil.jpg", r"..\evil.jpg"):
            archive.writestr(name, b"x")
        archive.writestr(link, b"/etc/passwd")
    opened = open_catalog(path)
    assert [pictures for _, pictures in records(path)] == [("Dress/1.jpg",)]
    (warning,) = opened.warnings
    for name in ("../../evil.jpg", "/etc/evil.jpg", "C:/evil.jpg", "../evil.jpg", "Dress/link.jpg"):
        assert name in warning


@pytest.mark.slow
def test_a_table_that_unpacks_to_many_times_its_size_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("styles.csv", "w") as stream:
        stream.write(kaggle().encode())
        for _ in range(40):
            stream.write(b",,,,,,,,,\n" * 2**17)
    with pytest.raises(CatalogFileError, match="times its size in the zip"):
        open_catalog(path)


@pytest.mark.drill
def test_a_large_table_needs_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    """Also one of a single line, or of one open quote."""
    row = b"A,Coat,a.jpg," + b"5" * 50 + b"\n"
    for name, begin, repeated in (("rows", b"", row), ("line", b"", b"x" * 64), ("quote", b'A,"', row)):
        with (tmp_path / f"{name}.csv").open("wb") as stream:
            stream.write(",".join(HEADER).encode() + b"\n" + begin)
            for _ in range(1500):
                stream.write(repeated * 1000)
    script = """if True:
        import sys
        from functools import partial
        from ml.files.catalog.text import read_text
        for name in ("rows", "line", "quote"):
            table = read_text(name, partial(open, f"{sys.argv[1]}/{name}.csv", "rb"))
            print(name, sum(1 for _ in table.rows()))
        print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
    """
    command = [sys.executable, "-c", script, str(tmp_path)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert out[:6] == ["rows", "1500000", "line", "1", "quote", "1500000"]
    assert int(out[6]) < 80_000, "KiB; each file has 90 MiB"


@pytest.mark.slow
def test_quotes_that_are_never_closed_take_neither_time_nor_memory(tmp_path: Path) -> None:
    lines = "".join(f'a{number}","x{number}.jpg,"coat{number}\n' for number in range(6000))
    (tmp_path / "catalog.csv").write_text("sku,image,title\n" + lines)
    found = list(open_catalog(tmp_path).records())
    assert len(found) == 6000
