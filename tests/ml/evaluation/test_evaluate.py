"""`python -m ml evaluate` on sets small enough to work out by hand."""

import contextlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ml.__main__ import main
from ml.commands.evaluate import CLASS_MAP
from ml.datasets import open_set
from ml.evaluation import protocol
from ml.evaluation.vectors import Model
from ml.files import features
from ml.weights import Weights
from tests.ml.conftest import encode
from tests.ml.test_imports import HEAVY, imported_by

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def evaluate(*arguments: object, cache: Path) -> Done:
    """Run the command in this process: starting Python thirty times would take longer than the tests."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(["evaluate", *map(str, arguments), "--cache-dir", str(cache)])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


def found(done: Done) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def refused(done: Done) -> str:
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert "Traceback" not in done.stderr
    return last


def picture(kind: str, colour: str, *, nudge: int = 0, scale: int = 1) -> Image.Image:
    """A disc or a frame in one colour; `nudge` gives another picture of the same thing."""
    image = Image.new("RGB", (60, 80), "white")
    pen = ImageDraw.Draw(image)
    box = (8 + nudge, 10 + nudge, 48 + nudge, 62 + nudge)
    if kind == "disc":
        pen.ellipse(box, fill=colour)
    else:
        pen.rectangle(box, outline=colour, width=9)
    return image.resize((60 * scale, 80 * scale), Image.Resampling.NEAREST)


def write_kaggle(path: Path, rows: Sequence[Mapping[str, str]], pictures: Mapping[str, bytes]) -> Path:
    columns = ("id", "gender", "articleType", "baseColour", "productDisplayName")
    lines = [",".join(columns)] + [",".join(row.get(column, "") for column in columns) for row in rows]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("styles.csv", "\n".join(lines) + "\n")
        for name, data in pictures.items():
            archive.writestr(f"images/{name}.jpg", data)
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluate-cache")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two types × two colours × 3 pictures, a copy of one under another id, one broken picture, one lone type."""
    rows, pictures = [], {}
    for place, (kind, colour) in enumerate((k, c) for k in ("disc", "frame") for c in ("Red", "Blue")):
        for nudge in range(3):
            number = f"{100 * (place + 1) + nudge}"
            gender = "Men" if colour == "Red" else "Women"
            rows.append({"id": number, "gender": gender, "articleType": kind, "baseColour": colour,
                         "productDisplayName": f"{kind} {colour} {nudge}"})  # fmt: skip
            pictures[number] = encode(picture(kind, colour, nudge=nudge), "PNG")
    rows.append({"id": "900", "articleType": "disc", "baseColour": "Red", "productDisplayName": "copy"})
    pictures["900"] = pictures["100"]
    rows.append({"id": "901", "articleType": "frame", "baseColour": "Red", "productDisplayName": "broken"})
    pictures["901"] = b"no picture"
    rows.append({"id": "902", "articleType": "lone", "baseColour": "NA", "productDisplayName": "lone"})
    pictures["902"] = encode(Image.effect_noise((60, 80), 90).convert("RGB"), "PNG")
    return write_kaggle(tmp_path_factory.mktemp("set") / "catalog.zip", rows, pictures)


@pytest.fixture(scope="module")
def vectors(catalog: Path) -> Path:
    """A features file in which every picture of one type has the same direction, with a little colour in it."""
    names, rows = [], []
    for sample in open_set(catalog):
        kinds = {"disc": (1.0, 0.0, 0.0), "frame": (0.0, 1.0, 0.0), "lone": (0.0, 0.0, 1.0)}
        hue = {"Red": 0.2, "Blue": -0.2}.get(sample.labels.get("colour", ""), 0.0)
        vector = np.array([*kinds[sample.labels["type"]], hue], np.float32)
        names.append(f"elsewhere/{sample.name}")
        rows.append(vector / np.linalg.norm(vector))
    meta = {"name": "by hand", "source": "test", "weights_sha256": "0" * 64, "spec": {"dimension": 4}}
    path = catalog.with_name("by-hand.npz")
    features.save(path, features.Features(names, np.stack(rows), meta))
    return path


@pytest.fixture(scope="module")
def document(catalog: Path, vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("out") / "report"
    cache = tmp_path_factory.mktemp("empty-cache")  # pictures left out are named when they are decoded
    done = evaluate(
        catalog, "--features", vectors, "--baselines", "pixels,hsv,blend", "--resamples", 50, "--gallery-sizes",
        "8,all", "--json", "--out", out, cache=cache,
    )  # fmt: skip
    assert "901" in done.stderr
    result = found(done)
    result["_out"] = str(out)
    return result


def system(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    chosen: dict[str, Any] = next(found for found in document["systems"] if found["name"] == name)
    return chosen


@pytest.mark.slow
def test_each_different_picture_is_in_the_gallery_once(document: dict[str, Any]) -> None:
    assert document["set"] == {"name": "catalog.zip", "pictures": 13, "duplicates": 1, "unreadable": 1}
    assert document["queries"]["count"] == 13


@pytest.mark.slow
def test_figures_are_those_worked_out_by_hand(document: dict[str, Any]) -> None:
    notions = system(document, "by-hand")["notions"]
    # Six pictures of each type, so five to find: they come first, two of the own colour before the other three.
    kind = notions["type"]
    assert (kind["queries"], kind["nothing_to_find"], kind["macro_classes"]) == (12, 1, 2)
    for name, expected in {"precision@1": 1, "precision@5": 1, "precision@10": 0.5, "recall@5": 1, "r_precision": 1,
                           "map@r": 1, "map@10": 1, "ndcg@10": 1}.items():  # fmt: skip
        assert kind["micro"][name]["mean"] == pytest.approx(expected), name
        assert kind["macro"][name]["mean"] == pytest.approx(expected), name
    both = notions["type_and_colour"]["micro"]
    assert (both["precision@1"]["mean"], both["precision@5"]["mean"]) == (1, pytest.approx(2 / 5))
    # Colour: two of the five of one's own type, then all three of the other type before its other colour.
    assert notions["colour"]["micro"]["r_precision"]["mean"] == pytest.approx(2 / 5)
    assert notions["colour"]["unlabelled"] == notions["gender"]["unlabelled"] == 1
    assert notions["family"]["macro_classes"] == 2


@pytest.mark.slow
def test_baselines_are_measured_on_the_same_queries(document: dict[str, Any]) -> None:
    assert [found["name"] for found in document["systems"]] == ["pixels", "hsv", "blend", "by-hand"]
    assert system(document, "hsv")["notions"]["colour"]["micro"]["precision@5"]["mean"] == pytest.approx(1)
    assert {found["notions"]["type"]["queries"] for found in document["systems"]} == {12}
    assert system(document, "blend")["dimension"] == 768 + 128


@pytest.mark.slow
def test_smaller_galleries_lists_and_tags_are_reported(document: dict[str, Any]) -> None:
    by_hand = system(document, "by-hand")
    assert [gallery["size"] for gallery in by_hand["galleries"]] == [8, 13]
    assert by_hand["lists"]["coverage"] == 1
    assert by_hand["lists"]["near_duplicates_per_list"] == pytest.approx(
        12 * 2 / 13
    )  # the two of the same type, colour
    assert by_hand["correlation"]["tags"] == ["type", "colour", "family", "gender"]
    assert by_hand["correlation"]["spearman"]["mean"] > 0.7
    interval = by_hand["notions"]["colour"]["micro"]["precision@10"]
    assert interval["low"] <= interval["mean"] <= interval["high"]


@pytest.mark.slow
def test_every_class_has_its_row_and_what_was_found_instead(document: dict[str, Any]) -> None:
    rows = {row["label"]: row for row in system(document, "by-hand")["classes"]}
    assert {name: (row["queries"], row["gallery"]) for name, row in rows.items()} == {
        "disc": (6, 6), "frame": (6, 6), "lone": (1, 1)}  # fmt: skip
    assert rows["lone"]["precision@10"] is None
    assert rows["disc"]["instead"][0]["label"] == "frame"
    pairs = {(pair["asked"], pair["found"]): pair["count"] for pair in system(document, "by-hand")["confusions"]}
    assert pairs["disc", "frame"] == pytest.approx(6 * 5, abs=6)  # the tenth place is a frame's or the lone one's


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]


@pytest.mark.slow
def test_the_report_is_one_page_that_needs_nothing_beside_it(document: dict[str, Any]) -> None:
    out = Path(document["_out"])
    assert sorted(path.name for path in out.iterdir()) == [
        "by-hand-random.png", "by-hand-worst.png", "index.html", "metrics.json"]  # fmt: skip
    text = (out / "index.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.tags.count("img") == 2
    assert page.tags.count("table") > 8
    assert "script" not in page.tags
    assert page.sources
    assert all(source.startswith("data:image/webp;base64,") for source in page.sources)
    saved = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert saved == {name: value for name, value in document.items() if name != "_out"}
    with Image.open(out / "by-hand-random.png") as sheet:
        assert sheet.width > 10 * 112


@pytest.mark.slow
def test_the_table_is_for_reading(catalog: Path, cache: Path) -> None:
    command = [sys.executable, "-m", "ml", "evaluate", str(catalog), "--weights", "none", "--baselines", "pixels"]
    command += ["--queries", "5", "--cache-dir", str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    first = "13 different pictures (1 duplicates and 1 unreadable left out); queries: 5 pictures at random"
    assert first in done.stdout
    header = next(line for line in done.stdout.splitlines() if "type and colour" in line)
    assert header.split("  ")[-1].strip() == "gender"
    assert "pixels" in done.stdout


def split_file(path: Path, sides: Mapping[str, str], held_out: Sequence[str] = ()) -> Path:
    path.write_text(json.dumps({"sides": dict(sides), "held_out_types": list(held_out)}))
    return path


@pytest.mark.slow
def test_the_part_of_a_split_asks_and_held_out_types_are_measured_apart(
    catalog: Path, vectors: Path, cache: Path, tmp_path: Path
) -> None:
    names = [sample.name for sample in open_set(catalog)]
    sides = {name: "test" if "/1" in name or "/3" in name else "train" for name in names}
    split = split_file(tmp_path / "split.json", sides, ["frame"])
    done = evaluate(
        catalog, "--split", split, "--part", "test", "--features", vectors, "--baselines", "none", "--json", cache=cache
    )
    document = found(done)
    assert document["queries"] == {"count": 6, "how": "all 6 pictures of the part “test”", "held_out": 3}
    assert document["held_out_types"] == ["frame"]
    by_hand = system(document, "by-hand")
    assert by_hand["notions"]["type"]["queries"] == by_hand["held_out_types"]["type"]["queries"] == 3
    assert [row["label"] for row in by_hand["classes"]] == ["disc"]


@pytest.mark.slow
@pytest.mark.parametrize(("sides", "reason"), [({"images/100.jpg": "train"}, "'val'"), ({}, "names none of these")])
def test_a_part_without_pictures_is_refused(
    catalog: Path, cache: Path, tmp_path: Path, sides: dict[str, str], reason: str
) -> None:
    split = split_file(tmp_path / "split.json", sides)
    done = evaluate(catalog, "--weights", "none", "--baselines", "pixels", "--split", split, cache=cache)
    assert reason in refused(done)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for kind, name, nudges in (("disc", "Round", (1, 2)), ("frame", "Square", (1, 2)), ("disc", "Odd", (3, 4))):
        (folder / name).mkdir()
        for nudge in nudges:
            (folder / name / f"{nudge}.png").write_bytes(encode(picture(kind, "Blue", nudge=nudge, scale=2), "PNG"))
    return folder


@pytest.mark.slow
def test_another_set_asks_for_the_same_kind(catalog: Path, photos: Path, cache: Path, tmp_path: Path) -> None:
    class_map = tmp_path / "map.json"
    class_map.write_text(json.dumps({"Round": "disc", "Square": ["frame", "lone"], "Odd": []}))
    done = evaluate(
        catalog, "--weights", "none", "--baselines", "pixels,hsv", "--queries-from", photos, "--class-map", class_map,
        "--json", cache=cache,
    )  # fmt: skip
    across = found(done)["across"]
    assert "2 of 6 pictures" in done.stderr
    assert (across["set"], across["queries"]) == (photos.name, 4)
    assert across["class_map"] == {"Round": ["disc"], "Square": ["frame", "lone"]}
    pixels = across["systems"][0]
    assert pixels["times_pixels"] == 1
    figures = pixels["notions"]["kind"]["micro"]  # each finds the three of its own shape and colour first
    assert (figures["precision@1"]["mean"], figures["precision@5"]["mean"]) == (1, pytest.approx(3 / 5))
    assert {row["label"]: row["gallery"] for row in pixels["classes"]} == {"Round": 6, "Square": 7}


@pytest.mark.slow
def test_a_large_picture_finds_its_own_thumbnail(catalog: Path, cache: Path, tmp_path: Path) -> None:
    rows, pictures = [], {}
    for number, kind, colour, nudge in (
        ("100", "disc", "Red", 0),
        ("302", "frame", "Red", 2),
        ("777", "disc", "Red", 9),
    ):
        rows.append({"id": number, "articleType": kind, "baseColour": colour})
        pictures[number] = encode(picture(kind, colour, nudge=nudge, scale=8), "PNG")
    large = write_kaggle(tmp_path / "large.zip", rows, pictures)
    sides = tmp_path / "split.json"
    sides.write_text(json.dumps({"seed": 0, "sides": {"images/100.jpg": "test", "images/302.jpg": "val"}}))
    asking = (catalog, "--weights", "none", "--baselines", "pixels,hsv", "--find-self", large, "--gallery-sizes", 3)
    done = evaluate(*asking, "--json", cache=cache)
    document = found(done)["find_self"]
    pixels, hsv = document["systems"]
    assert (pixels["queries"], pixels["without_a_counterpart"]) == (2, 1)
    assert (pixels["within_1"]["mean"], pixels["not_first"]) == (1, [])
    assert hsv["within_10"]["mean"] == 1
    assert [gallery["size"] for gallery in hsv["galleries"]] == [3, 13]
    assert hsv["galleries"][0]["within_1"]["mean"] >= hsv["galleries"][1]["within_1"]["mean"] == hsv["within_1"]["mean"]
    done = evaluate(*asking, "--find-self-split", sides, "--part", "test", "--json", cache=cache)
    assert found(done)["find_self"]["systems"][0]["queries"] == 1
    assert "itself first" in evaluate(*asking, cache=cache).stdout


def test_a_file_name_that_several_pictures_have_finds_none_of_them(photos: Path, cache: Path) -> None:
    """Round/1.png and Square/1.png are two pictures; 3.png and 4.png exist once each."""
    done = evaluate(
        photos, "--weights", "none", "--baselines", "pixels", "--find-self", photos, "--json", cache=cache
    )  # fmt: skip
    (pixels,) = found(done)["find_self"]["systems"]
    assert (pixels["queries"], pixels["without_a_counterpart"]) == (2, 4)
    assert pixels["not_first"] == []


@pytest.mark.parametrize(
    ("training", "expected"),
    [({"held_out_types": ["Hats", "Belts"]}, ("Hats", "Belts")), ({"held_out_types": None}, ()), ({}, ()), (None, ())],
)
def test_a_model_says_which_types_it_was_never_taught(
    training: object, expected: tuple[str, ...], untrained: Weights, tmp_path: Path
) -> None:
    told = replace(untrained, extra={"training": training})
    model = Model(
        told, lambda: pytest.fail("not needed"), name="m", runtime="onnx", cache_dir=tmp_path,
        progress=lambda *_: contextlib.nullcontext(lambda _: None),
    )  # fmt: skip
    assert model.held_out_types == expected


def test_the_published_class_map_names_classes_that_exist() -> None:
    entries = json.loads(CLASS_MAP.read_text(encoding="utf-8"))
    assert len(entries) == 17
    assert all(isinstance(name, str) for types in entries.values() for name in types)
    assert all(len(set(types)) == len(types) > 0 for types in entries.values())


@pytest.mark.drill
@pytest.mark.realdata
def test_the_published_class_map_fits_the_shared_sets() -> None:
    folder = Path(os.environ["LOOKALIKE_DATA"])
    entries = json.loads(CLASS_MAP.read_text(encoding="utf-8"))
    assert {sample.labels["type"] for sample in open_set(folder / "clothing-photos.zip")} == set(entries)
    types = {sample.labels.get("type") for sample in open_set(folder / "fashion-small.zip")}
    assert {name for allowed in entries.values() for name in allowed} <= types


@pytest.mark.slow
def test_vectors_of_a_model_are_kept(photos: Path, graph: Path, cache_dir: Path) -> None:
    arguments = (photos, "--baselines", "untrained", "--weights", "none", "--resamples", 20, "--json")
    first = evaluate(*arguments, cache=cache_dir)
    parts = sorted((cache_dir / "vectors").rglob("*.npy"))
    assert [np.load(part).shape for part in parts] == [(6, 2048)]
    written = parts[0].stat().st_mtime_ns
    second = evaluate(*arguments, cache=cache_dir)
    assert found(first)["systems"] == found(second)["systems"]
    assert parts[0].stat().st_mtime_ns == written
    assert system(found(first), "untrained")["weights_sha256"]


@pytest.mark.slow
def test_numbers_of_views_are_measured_one_by_one_and_photos_ask_in_one_view(
    photos: Path, graph: Path, cache_dir: Path
) -> None:
    arguments = (photos, "--baselines", "none", "--weights", "untrained", "--resamples", 20, "--json")
    one, two = found(evaluate(*arguments, "--views", "2,1", cache=cache_dir))["systems"]
    assert [(each["name"], each["views"]) for each in (one, two)] == [
        ("resnet50-untrained", 1),
        ("resnet50-untrained, 2 views", 2),
    ]
    made = sorted((cache_dir / "vectors").rglob("*.npy"), key=lambda part: part.stat().st_mtime_ns)
    first, second = (np.load(part) for part in made[-2:])
    assert np.abs(first - second).max() > 1e-3
    (asked,) = found(evaluate(*arguments, "--views", "2", "--photo-queries", cache=cache_dir))["systems"]
    assert asked["name"] == two["name"]
    assert len(list((cache_dir / "vectors").rglob("*.npy"))) == len(made), "both are kept"
    assert "'3' is none of 1, 2, 4" in evaluate(*arguments, "--views", "3", cache=cache_dir).stderr


def folder_of(path: Path, pictures: Mapping[str, bytes]) -> Path:
    for name, data in pictures.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    path.mkdir(exist_ok=True)
    return path


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [
        ({}, "no labelled pictures"),
        ({"a/1.jpg": b"no picture", "b/2.jpg": b""}, "None of the pictures can be read"),
        ({"a/1.png": encode(picture("disc", "red")), "a/2.png": encode(picture("disc", "blue"))}, "same class, 'a'"),
    ],
)
def test_a_set_with_nothing_to_measure_is_refused(
    pictures: dict[str, bytes], reason: str, cache: Path, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "some-set", pictures)
    sentence = refused(evaluate(folder, "--weights", "none", "--baselines", "pixels", cache=cache))
    assert reason in sentence
    assert "some-set" in sentence


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("no-such-set",), "no-such-set"),
        (("SET", "--baselines", "none"), "nothing to measure"),
        (("SET", "--part", "test"), "--split"),
        (("SET", "--split", "no-such.json"), "no-such.json"),
        (("SET", "--features", "no-such.npz"), "no-such.npz"),
        (("SET", "--queries-from", "SET", "--class-map", "no-such.json"), "no-such.json"),
        (("SET", "--queries-from", "SET"), "class map has none"),
        (("SET", "--find-self", "no-such-set"), "no-such-set"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_sentence(
    catalog: Path, cache: Path, arguments: tuple[str, ...], reason: str
) -> None:
    filled = [str(catalog) if argument == "SET" else argument for argument in arguments]
    baselines = [] if "--baselines" in arguments else ["--baselines", "pixels"]
    assert reason in refused(evaluate(*filled, "--weights", "none", *baselines, cache=cache))


def test_a_features_file_of_another_set_is_refused(photos: Path, vectors: Path, cache: Path) -> None:
    sentence = refused(evaluate(photos, "--features", vectors, "--baselines", "none", cache=cache))
    assert "has no vector for 6 of the 6 pictures" in sentence


def test_an_unknown_baseline_is_wrong_usage(catalog: Path, cache: Path) -> None:
    done = evaluate(catalog, "--baselines", "pixels,magic", cache=cache)
    assert done.returncode == 2
    assert "magic is none of pixels, hsv, blend, untrained" in done.stderr


@pytest.mark.slow
def test_a_report_that_cannot_be_written_says_so_and_leaves_nothing(catalog: Path, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "report"
    done = evaluate(catalog, "--weights", "none", "--baselines", "pixels", "--out", out, cache=cache)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(f"error: The report cannot be written to {out}: ")


def test_a_cache_that_cannot_be_written_is_named(catalog: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = evaluate(catalog, "--weights", "none", "--baselines", "pixels", cache=tmp_path / "file" / "cache")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path / 'file'}")


@pytest.mark.slow
def test_no_network_library_is_needed_to_measure() -> None:
    assert imported_by("ml.commands.evaluate").isdisjoint(HEAVY)


@pytest.mark.slow
def test_queries_are_drawn_by_product(catalog: Path, cache: Path) -> None:
    assert protocol.MACRO_AT_LEAST == 3  # the docs say so
    arguments = (catalog, "--weights", "none", "--baselines", "pixels", "--queries", 4, "--json")
    first = found(evaluate(*arguments, cache=cache))
    again = found(evaluate(*arguments, cache=cache))
    other = found(evaluate(*arguments, "--seed", 1, cache=cache))
    assert first == again
    assert first["systems"][0]["classes"] != other["systems"][0]["classes"]
