"""`python -m ml search`: find similar pictures."""

import argparse
import json
import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from PIL import Image

from common.arguments import positive
from common.files import replacing
from ml.commands.common import SHEET, Failure, Parents, load, note, resolve
from ml.embedder import Embedder
from ml.files import features, sheets
from ml.files.features import Features, Match
from ml.files.pictures import named
from ml.files.prices import price, read_prices
from ml.files.sheets import Tile
from ml.pictures.codec import ImageRejected, decode, to_input
from ml.spec import METRICS
from ml.weights import WeightsError, setting_for

_DESCRIPTION = """\
Find the pictures in a features file that look most like each photo, and write them to a contact
sheet, by default search.png next to the features file (with --json, only if --sheet names a file).
A photo is a file, or a picture in a zip file: catalog.zip/images/1163.jpg"""

_TILE = 140

Labels = Mapping[str, tuple[str, float]]  # task → likeliest label, how likely


@dataclass(frozen=True)
class _Answer:
    photo: str
    pixels: np.ndarray
    labels: Labels
    matches: list[Match]


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", parents: Parents) -> None:
    parser = commands.add_parser(
        "search",
        parents=[parents.model, parents.running],
        help="find similar pictures",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("features", type=Path, help="a file that embed wrote")
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="each gets a row of the contact sheet")
    parser.add_argument("-k", type=positive, default=6, help="results per photo (default: 6)")
    parser.add_argument("--metric", choices=METRICS, default="cosine", help="default: %(default)s")
    sheet = parser.add_mutually_exclusive_group()
    sheet.add_argument("--sheet", type=Path, metavar="FILE.png", help="where to write the contact sheet")
    sheet.add_argument("--no-sheet", action="store_true", help="no contact sheet")
    parser.add_argument("--prices", type=Path, metavar="FILE.csv", help="columns name and price")
    parser.add_argument(
        "--price-max", type=price, metavar="P", help="only pictures with a price of at most P; needs --prices"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line for each photo")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    if options.price_max is not None and not options.prices:
        raise Failure("--price-max needs --prices FILE.csv, with columns name and price.", code=2)
    if options.sheet and options.sheet.suffix.lower() != ".png":
        raise Failure(f"{options.sheet} must end in .png.", code=2)
    known = features.load(options.features)
    maker = features.maker(options.features, known)
    weights = setting_for(maker.sha256, maker.weights)
    found = resolve(options, weights=weights, pooling=maker.spec.pooling)
    if (found.sha256, found.spec) != (maker.sha256, maker.spec):
        raise WeightsError(
            f"{options.features} was made with {maker.name}, not with {found.name}: vectors of "
            "different models cannot be compared. Name the same weights, or run embed again."
        )
    prices = read_prices(options.prices, known.names) if options.prices else None
    if prices is not None and (priced := int(np.count_nonzero(~np.isnan(prices)))) < len(prices):
        note(f"{options.prices} has a price for {priced} of {len(prices)} pictures.")
    among = None
    if prices is not None and options.price_max is not None:
        among = prices <= options.price_max  # a missing price is NaN, and never within a budget
    embedder = load(options, weights=weights, pooling=maker.spec.pooling)
    answers = [_answer(photo, embedder, known, options, among) for photo in options.photos]
    for answer in answers:
        if options.json:
            print(json.dumps(_as_json(answer, known, prices, options.metric)))
        else:
            _print(answer, known, prices, options)
    _write_sheet(answers, known, prices, options)
    return 0


def _answer(
    photo: str, embedder: Embedder, known: Features, options: argparse.Namespace, among: np.ndarray | None
) -> _Answer:
    try:
        data = named(photo).read()
        pixels = decode(data)
        vectors, probabilities = embedder.runtime.embed_labelled([to_input(data, embedder.spec)])
    except (ImageRejected, OSError, zipfile.BadZipFile) as error:
        raise Failure(f"{photo}: {getattr(error, 'strerror', None) or error}") from error
    labels = {
        task: (embedder.labels[task][found[0].argmax()], float(found[0].max())) for task, found in probabilities.items()
    }
    matches = features.nearest(known, vectors[0], options.k, metric=options.metric, among=among)
    return _Answer(photo, pixels, labels, matches)


def _as_json(answer: _Answer, known: Features, prices: np.ndarray | None, metric: str) -> dict[str, object]:
    results = []
    for match in answer.matches:
        result: dict[str, object] = {"name": match.name, "score": match.score, "distance": match.distance}
        if labels := _labels(known, match.index):
            result["labels"] = _labels_json(labels)
        if prices is not None:
            result["price"] = None if math.isnan(prices[match.index]) else float(prices[match.index])
        results.append(result)
    found: dict[str, object] = {"model": known.meta["name"], "metric": metric, "results": results}
    return found | {"photo": answer.photo} | ({"labels": _labels_json(answer.labels)} if answer.labels else {})


def _labels_json(labels: Labels) -> dict[str, object]:
    return {task: {"label": label, "confidence": confidence} for task, (label, confidence) in labels.items()}


def _print(answer: _Answer, known: Features, prices: np.ndarray | None, options: argparse.Namespace) -> None:
    if answer.labels or len(options.photos) > 1:
        predicted = (f"{task} {label} {chance:.0%}" for task, (label, chance) in answer.labels.items())
        print("  ".join([answer.photo, *predicted]))
    if not answer.matches and options.price_max is not None:
        note(f"{answer.photo}: no picture has a price of at most {options.price_max:g}.")
    for match in answer.matches:
        words = [f"{match.score if options.metric == 'cosine' else match.distance:.4f}", match.name]
        if prices is not None:
            words.insert(1, f"{prices[match.index]:>9.2f}" if not math.isnan(prices[match.index]) else f"{'–':>9}")
        print("  ".join(words))


def _write_sheet(
    answers: Sequence[_Answer], known: Features, prices: np.ndarray | None, options: argparse.Namespace
) -> None:
    if options.no_sheet or (options.json and not options.sheet):
        return
    path = options.sheet or options.features.with_name(SHEET)
    sheet = _sheet(answers, known, prices, options)
    try:
        with replacing(path) as draft:
            sheet.save(draft, "PNG", optimize=True)
    except OSError as error:
        sentence = f"The contact sheet {path} cannot be written: {error.strerror}."
        if options.sheet:
            raise Failure(sentence) from error
        note(f"{sentence} Name another place with --sheet FILE.png.")
        return
    note(f"Contact sheet: {path}")


def _sheet(
    answers: Sequence[_Answer], known: Features, prices: np.ndarray | None, options: argparse.Namespace
) -> Image.Image:
    shared = _shared_folder(known.names)
    rows = []
    for answer in answers:
        lines = [PurePath(answer.photo).name, *(f"{label} {chance:.0%}" for label, chance in _telling(answer.labels))]
        row = [Tile(answer.pixels, "\n".join(lines))]
        for match in answer.matches:
            lines = [os.path.relpath(match.name, shared) if shared else match.name]
            lines += [f"score {match.score:.3f}" if options.metric == "cosine" else f"distance {match.distance:.3f}"]
            if prices is not None:
                lines.append("no price" if math.isnan(prices[match.index]) else f"price {prices[match.index]:.2f}")
            first, *others = [label for label, _ in _telling(_labels(known, match.index))] or [""]
            row.append(_tile(match.name, known, [line for line in (*lines, first, " · ".join(others)) if line]))
        rows.append(row)
    budget = "" if options.price_max is None else f" · for at most {options.price_max:g}"
    title = f"{known.meta['name']} · nearest of {len(known.names):,} by {options.metric}{budget}"
    return sheets.contact_sheet(rows, tile=_TILE, title=title)


def _telling(labels: Labels) -> list[tuple[str, float]]:
    """Drop labels that repeat an earlier one: "blue" after "Navy Blue"."""
    kept: list[tuple[str, float]] = []
    for label, chance in labels.values():
        words = set(label.casefold().split())
        if not any(words <= set(other.casefold().split()) for other, _ in kept):
            kept.append((label, chance))
    return kept


def _shared_folder(names: Sequence[str]) -> str:
    try:
        return os.path.commonpath([os.path.dirname(name) for name in names])
    except ValueError:  # no names, or a mix of relative and absolute ones
        return ""


def _tile(name: str, known: Features, lines: Sequence[str]) -> Tile:
    """One picture of the sheet. Names are as `embed` got them, so relative ones start from the folder where it ran."""
    for path in (os.path.join(known.meta.get("folder", ""), name), name):
        try:
            return Tile(decode(named(path).read()), "\n".join(lines))
        except (ImageRejected, OSError, zipfile.BadZipFile):
            continue
    return sheets.missing("\n".join([*lines, "no longer there"]))


def _labels(known: Features, index: int) -> Labels:
    return {
        task: (predicted.labels[index], float(predicted.confidences[index]))
        for task, predicted in known.predicted.items()
    }
