"""`python -m ml maps`: where a network looks in photos, and the regions it proposes for crops."""

import argparse
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from common.files import replacing
from ml.commands.common import Failure, Parents, load, note
from ml.files import sheets
from ml.files.pictures import named
from ml.files.sheets import Tile
from ml.maps.drawing import overlay
from ml.maps.regions import Region, regions
from ml.pictures.codec import ImageRejected, decode

_DESCRIPTION = """\
Print the regions that a network proposes for crops: left, top, right and bottom in pixels of the
photo, the score, and the type with its probability. With --out, draw them on the photos, with the
map they were found in. A photo is a file, or a picture in a zip file."""

_TILE = 320


@dataclass(frozen=True)
class _Answer:
    photo: str
    pixels: np.ndarray
    drawn: np.ndarray
    found: list[Region]


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", parents: Parents) -> None:
    parser = commands.add_parser(
        "maps",
        parents=[parents.model],
        help="show where a network looks in photos",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("photos", nargs="+", metavar="PHOTO")
    parser.add_argument("--out", type=Path, metavar="FILE.png", help="where to write the drawing")
    parser.add_argument("--json", action="store_true", help="one JSON line for each photo")
    parser.set_defaults(command=run, runtime="onnx")


def run(options: argparse.Namespace) -> int:
    if options.out and options.out.suffix.lower() != ".png":
        raise Failure(f"{options.out} must end in .png.", code=2)
    embedder = load(options, maps=True)
    answers = []
    for photo in options.photos:
        try:
            pixels = decode(named(photo).read())
        except (ImageRejected, OSError, zipfile.BadZipFile) as error:
            raise Failure(f"{photo}: {getattr(error, 'strerror', None) or error}") from error
        maps = embedder.maps([pixels])
        height, width, _ = pixels.shape
        found = regions(maps, 0, (width, height), embedder.spec)
        if options.json:
            print(json.dumps({"photo": photo, "model": embedder.weights.name, "regions": list(map(_as_json, found))}))
        else:
            for region in found:
                print("  ".join([photo, *(f"{side:>4}" for side in region.box), f"{region.score:.2f}", _type(region)]))
        if options.out:
            drawn = overlay(pixels, maps.attention[0], found, embedder.spec)
            answers.append(_Answer(photo, pixels, np.asarray(drawn), found))
    if options.out:
        rows = [
            [
                Tile(answer.pixels, PurePath(answer.photo).name),
                Tile(answer.drawn, "\n".join(map(_type, answer.found))),
            ]
            for answer in answers
        ]
        with replacing(options.out) as draft:
            sheets.contact_sheet(rows, tile=_TILE, title=embedder.weights.name).save(draft, "PNG", optimize=True)
        note(f"Drawing: {options.out}")
    return 0


def _type(region: Region) -> str:
    return f"{region.label} {region.confidence:.0%}" if region.label else ""


def _as_json(region: Region) -> dict[str, object]:
    described: dict[str, object] = {"box": region.box, "dot": region.dot, "score": region.score}
    return described | ({"type": region.label, "confidence": region.confidence} if region.label else {})
