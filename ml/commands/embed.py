"""`python -m ml embed`: pictures → a file of vectors."""

import argparse
import errno
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.arguments import positive
from common.files import replacing
from ml.commands.common import SHEET, Failure, Parents, described, load, note, progress
from ml.embedder import Embedder
from ml.files import features, tables
from ml.files.features import Features, Predicted
from ml.files.partial import Partial, PartialError, Row, folder_for
from ml.files.pictures import EXTENSIONS, Read, Source, find, read_ahead
from ml.pictures.codec import DECODER_VERSION
from ml.runtimes import BadVector
from ml.runtimes.onnx import usable_cores
from ml.runtimes.views import VIEWS

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SHOWN = 20
_BAD_VECTOR = "bad_vector"

_DESCRIPTION = """\
Write the vector and the name of every picture, and its labels if the model predicts them. Files
that are not pictures are skipped and listed. To resume a run that stopped, repeat the command."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", parents: Parents) -> None:
    parser = commands.add_parser(
        "embed",
        parents=[parents.model, parents.running],
        help="pictures → a file of vectors",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="pictures, folders, zip files")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE", help="features.npz, or features.parquet"
    )
    parser.add_argument("--batch", type=positive, default=32, help="pictures at a time (default: 32)")
    parser.add_argument(
        "--views", type=positive, choices=VIEWS, default=1,
        help="also embed mirrored (2) and zoomed (4) views of each picture and average them (default: 1)",
    )  # fmt: skip
    parser.add_argument("--skipped", type=Path, metavar="FILE.csv", help="list the skipped files and the reasons")
    parser.add_argument("--restart", action="store_true", help="discard what a stopped run left")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    features.check_writable(options.out)
    found = {source.name: source for source in find(options.paths)}
    found.pop(str(options.out.with_name(SHEET)), None)  # from an earlier search, if FILE is in a folder of pictures
    sources = list(found.values())
    if not sources:
        kinds = ", ".join(EXTENSIONS)
        raise Failure(f"no pictures in {', '.join(map(str, options.paths))}: no name ends in {kinds}")
    embedder = load(options)
    partial = _open_partial(options, embedder)
    try:
        _embed_rest(sources, embedder, partial, options)
        rows = [partial.rows[source.name] for source in sources]
        _list_skipped([row for row in rows if row.code], options.skipped)
        good = [row for row in rows if not row.code]
        if not good:
            raise Failure("no picture could be embedded")
        features.save(options.out, _gathered(good, partial, embedder, options.views))
    except OSError as error:
        raise _unwritable(error, options.out, partial, len(sources)) from error
    except KeyboardInterrupt:
        note(f"Stopped. {len(partial.rows)} of {len(sources)} pictures are done; repeat the command to resume.")
        return 130
    finally:
        if all(row.code for row in partial.rows.values()):  # nothing worth keeping
            partial.remove()
    partial.remove()
    skipped = len(sources) - len(good)
    print(f"{options.out}: {len(good)} pictures × {embedder.spec.dimension}, {skipped} skipped")
    return 0


def _open_partial(options: argparse.Namespace, embedder: Embedder) -> Partial:
    folder = folder_for(options.out)
    try:
        made_with = _made_with(embedder, options.views)
        return Partial(folder, made_with, embedder.spec.dimension, restart=options.restart)
    except PartialError as error:
        raise Failure(str(error), code=2) from error
    except OSError as error:
        raise Failure(f"{options.out} cannot be written: {error.strerror}: {error.filename or folder}.") from error


def _made_with(embedder: Embedder, views: int) -> dict[str, object]:
    """The number of views is only named if it is not 1, as in files of earlier releases."""
    return described(embedder.weights) | ({"views": views} if views > 1 else {})


def _embed_rest(sources: Sequence[Source], embedder: Embedder, partial: Partial, options: argparse.Namespace) -> None:
    rest = [source for source in sources if not _is_done(source, partial)]
    done = len(sources) - len(rest)
    if done:
        note(f"Resuming: {done} of {len(sources)} pictures are done.")
    any_good = any(not row.code for row in partial.rows.values())
    with progress("embedding", len(sources), done=done) as advance:
        for reads in read_ahead(rest, embedder.spec, batch=options.batch, workers=usable_cores()):
            rows, vectors = _embedded(reads, embedder, options.views)
            any_good = any_good or len(vectors) > 0
            if not any_good and (bad := next((row for row in rows if row.code == _BAD_VECTOR), None)):
                raise Failure(f"{embedder.weights.name} cannot be used: its weights are damaged. {bad.message}")
            partial.add(rows, vectors)
            advance(len(reads))


def _is_done(source: Source, partial: Partial) -> bool:
    """Whether a picture needs no more work. Unreadable files are tried again: a network drive may be back."""
    row = partial.rows.get(source.name)
    return row is not None and row.stamp == source.stamp and row.code != "unreadable"


def _embedded(reads: Sequence[Read], embedder: Embedder, views: int) -> tuple[list[Row], np.ndarray]:
    """A row for each file, and float32 [m, D] for the usable pictures."""
    good = [read for read in reads if read.pixels is not None]
    pixels = [read.pixels for read in reads if read.pixels is not None]
    try:
        vectors, probabilities = embedder.runtime.embed_labelled(pixels, views=views)
    except BadVector as bad:
        if bad.index is None:
            raise Failure(f"{embedder.weights.name} cannot be used: {bad}.") from bad
        spoilt = good[bad.index]
        refused = replace(spoilt, pixels=None, code=_BAD_VECTOR, message=f"Its vector is unusable: {bad.reason}.")
        return _embedded([refused if read is spoilt else read for read in reads], embedder, views)
    labels: list[dict[str, tuple[str, float]]] = [{} for _ in good]
    for task, found in probabilities.items():
        for place, winner in enumerate(found.argmax(axis=1)):
            labels[place][task] = (embedder.labels[task][winner], float(found[place, winner]))
    of_good = iter(labels)
    rows = [
        Row(
            read.source.name,
            read.source.stamp,
            read.digest,
            {} if read.pixels is None else next(of_good),
            read.code,
            read.message,
        )
        for read in reads
    ]
    return rows, vectors


def _gathered(rows: Sequence[Row], partial: Partial, embedder: Embedder, views: int) -> Features:
    names = [row.name for row in rows]
    made_with = _made_with(embedder, views)
    meta = made_with | {"weights": embedder.weights.setting, "folder": os.getcwd(), "decoder": DECODER_VERSION}
    predicted = {
        task: Predicted(
            [row.labels[task][0] for row in rows], np.array([row.labels[task][1] for row in rows], np.float32)
        )
        for task in embedder.labels
    }
    return Features(names, partial.vectors(names), meta, [row.digest for row in rows], predicted)


def _list_skipped(rows: Sequence[Row], table: Path | None) -> None:
    if table:
        try:
            _write_table(rows, table)
        except OSError as error:
            raise Failure(f"{table} cannot be written ({error.strerror or error}).") from error
    if not rows:
        return
    counts = ", ".join(f"{code} {count}" for code, count in Counter(row.code for row in rows).most_common())
    note(f"{len(rows)} skipped ({counts}):")
    width = max(len(row.code) for row in rows)
    for row in rows[:_SHOWN]:
        note(f"  {row.code:<{width}}  {row.name}")
    if len(rows) > _SHOWN:
        note(f"  … and {len(rows) - _SHOWN} more" + (f", all of them in {table}" if table else "; --skipped lists all"))


def _write_table(rows: Sequence[Row], path: Path) -> None:
    with replacing(path) as draft, draft.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = tables.Writer(file)
        writer.writerow(["name", "code", "message"])
        writer.writerows([row.name, row.code, row.message] for row in rows)


def _unwritable(error: OSError, out: Path, partial: Partial, total: int) -> Failure:
    kept = f"{len(partial.rows)} of {total} pictures are kept in {partial.folder}: " if partial.rows else ""
    if error.errno in _DISK_FULL:
        return Failure(f"The disk of {out} is full. {kept}make room and repeat the command.")
    return Failure(f"{out} cannot be written ({error.strerror or error}). {kept}repeat the command.")
