"""`python -m ml …`: embeddings from the command line, without a database."""

import argparse
import json
import os
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml import features
from ml.embedder import RUNTIMES, Embedder, default_cache_dir
from ml.export import export_onnx, quiet_tensorflow
from ml.images import ImageRejected, to_input
from ml.sources import Source, find
from ml.spec import METRICS, POOLINGS
from ml.weights import Weights, WeightsError, resolve

if TYPE_CHECKING:
    from rich.progress import Progress

_DESCRIPTION = """\
Turn pictures into vectors and find pictures that look alike. Results go to standard output,
progress and notes to standard error. Exit codes: 0 done, 1 nothing could be done, 2 wrong
usage, or weights that cannot be used."""

_EXAMPLES = """\
examples:
  python -m ml weights                                   what would be used, and why
  python -m ml embed photos/ -o features.npz             a folder of pictures → vectors
  python -m ml embed catalog.zip -o features.npz --weights resnet50.npz --batch 16
  python -m ml search features.npz dress.jpg -k 6        the six that look most alike
  python -m ml search features.npz dress.jpg --metric euclidean --json
  python -m ml export --weights imagenet --pooling max --out resnet50.onnx

WEIGHTS is imagenet (Keras's ResNet50, downloaded once), untrained, or the path of an .npz or
.h5 file. Left out: the bundled weights, else imagenet, else untrained with a warning."""


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; returns the exit code."""
    quiet_tensorflow()
    # Keras patches tf2onnx for NumPy 2 and is warned about the very attribute that it adds.
    warnings.filterwarnings("ignore", category=FutureWarning, module="keras")
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except (WeightsError, features.FeaturesError, FileNotFoundError, zipfile.BadZipFile) as error:
        _note(f"error: {error}")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument("--weights", help="imagenet, untrained, or a file (default: the best there is)")
    model.add_argument("--pooling", choices=POOLINGS, help="in place of what the weights were made with")
    model.add_argument("--cache-dir", type=Path, default=default_cache_dir(), help="default: %(default)s")
    running = argparse.ArgumentParser(add_help=False)
    running.add_argument("--runtime", choices=RUNTIMES, default="onnx", help="default: %(default)s")

    weights = commands.add_parser("weights", parents=[model], help="show which weights are used, from where")
    weights.add_argument("--json", action="store_true", help="one JSON line")
    weights.set_defaults(command=_weights)

    export = commands.add_parser("export", parents=[model], help="write the ONNX graph of a model")
    export.add_argument("--out", type=Path, required=True, metavar="FILE")
    export.add_argument("--json", action="store_true", help="one JSON line")
    export.set_defaults(command=_export)

    embed = commands.add_parser("embed", parents=[model, running], help="pictures → a file of vectors")
    embed.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="pictures, folders, zip files")
    embed.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="e.g. features.npz")
    embed.add_argument("--batch", type=_positive, default=32, help="pictures at a time (default: 32)")
    embed.set_defaults(command=_embed)

    search = commands.add_parser("search", parents=[model, running], help="which pictures look like this one")
    search.add_argument("features", type=Path, help="a file that embed wrote")
    search.add_argument("photo", type=Path)
    search.add_argument("-k", type=_positive, default=6, help="how many (default: 6)")
    search.add_argument("--metric", choices=METRICS, default="cosine", help="default: %(default)s")
    search.add_argument("--json", action="store_true", help="one JSON line")
    search.set_defaults(command=_search)
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _weights(options: argparse.Namespace) -> int:
    found = _resolve(options, options.weights, options.pooling)
    described = _described(found) | {"path": str(found.path) if found.path else None}
    if options.json:
        print(json.dumps(described))
        return 0
    spec = found.spec
    print(f"{found.name}  ({found.source})")
    print(f"  file       {found.path or 'none: drawn from a fixed seed'}")
    print(f"  sha256     {found.sha256}")
    print(f"  input      {spec.input_size} × {spec.input_size} px, {spec.fit}")
    print(f"  vector     {spec.dimension} numbers, {spec.pooling} pooling, {spec.metric}")
    return 0


def _export(options: argparse.Namespace) -> int:
    found = _resolve(options, options.weights, options.pooling)
    _note(f"Exporting {found.name} …")
    with _standard_output_on_error():
        digest = export_onnx(found, options.out)
    if options.json:
        print(json.dumps(_described(found) | {"graph_sha256": digest}))
    else:
        print(f"{options.out}  sha256 {digest}")
    return 0


def _embed(options: argparse.Namespace) -> int:
    pictures = list(find(options.paths))
    embedder = _load(options, options.weights, options.pooling)
    names: list[str] = []
    vectors: list[np.ndarray] = [np.zeros((0, embedder.spec.dimension), np.float32)]
    with _progress() as progress:
        task = progress.add_task("embedding", total=len(pictures))
        for start in range(0, len(pictures), options.batch):
            chunk = pictures[start : start + options.batch]
            read = [(source.name, _read(source, embedder)) for source in chunk]
            good = [(name, pixels) for name, pixels in read if pixels is not None]
            vectors.append(embedder.runtime.embed([pixels for _, pixels in good]))
            names += [name for name, _ in good]
            progress.advance(task, len(chunk))
    if not names:
        _note("error: no picture could be embedded")
        return 1
    meta = _described(embedder.weights) | {"weights": _setting(embedder.weights)}
    features.save(options.out, features.Features(names, np.concatenate(vectors), meta))
    skipped = len(pictures) - len(names)
    print(f"{options.out}: {len(names)} pictures × {embedder.spec.dimension}, {skipped} skipped")
    return 0


def _search(options: argparse.Namespace) -> int:
    known = features.load(options.features)
    weights = options.weights or known.meta["weights"]
    pooling = options.pooling or known.meta["spec"]["pooling"]
    found = _resolve(options, weights, pooling)
    if (found.sha256, found.spec.to_meta()) != (known.meta["weights_sha256"], known.meta["spec"]):
        raise WeightsError(
            f"{options.features} was made with {known.meta['name']}, not with {found.name}: vectors of "
            "different models cannot be compared. Name the same weights, or run embed again."
        )
    embedder = _load(options, weights, pooling)
    try:
        query = embedder.embed([options.photo])[0]
    except (ImageRejected, OSError) as error:
        _note(f"error: {options.photo}: {error}")
        return 1
    matches = features.nearest(known, query, options.k, metric=options.metric)
    if options.json:
        results = [{"name": match.name, "score": match.score, "distance": match.distance} for match in matches]
        print(json.dumps({"model": known.meta["name"], "metric": options.metric, "results": results}))
        return 0
    for match in matches:
        print(f"{match.score if options.metric == 'cosine' else match.distance:.4f}  {match.name}")
    return 0


def _read(source: Source, embedder: Embedder) -> np.ndarray | None:
    """The model's input, or None for a picture that is skipped and said to be."""
    try:
        return to_input(source.read(), embedder.spec)
    except (ImageRejected, OSError, zipfile.BadZipFile, zlib.error) as error:
        _note(f"skipped {source.name}: {error}")
        return None


def _resolve(options: argparse.Namespace, weights: str | None, pooling: str | None) -> Weights:
    with _download_progress() as advance:
        return resolve(weights, cache_dir=options.cache_dir, pooling=pooling, progress=advance, log=_note)


def _load(options: argparse.Namespace, weights: str | None, pooling: str | None) -> Embedder:
    with _download_progress() as advance:
        return Embedder.load(
            weights,
            runtime=options.runtime,
            pooling=pooling,
            cache_dir=options.cache_dir,
            progress=advance,
            log=_note,
        )


def _described(weights: Weights) -> dict[str, object]:
    return {
        "name": weights.name,
        "source": weights.source,
        "weights_sha256": weights.sha256,
        "spec": weights.spec.to_meta(),
    }


def _setting(weights: Weights) -> str | None:
    """What finds the same weights again."""
    if weights.source == "bundled":
        return None
    return str(weights.path.resolve()) if weights.source == "file" and weights.path else weights.source


def _note(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _progress() -> "Progress":
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


@contextmanager
def _download_progress() -> Iterator[Callable[[int, int | None], None]]:
    """A bar that appears with the first byte, so that nothing flickers when nothing is downloaded."""
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress

    bar = Progress(*Progress.get_default_columns()[:2], DownloadColumn(), console=Console(stderr=True))

    def advance(done: int, total: int | None) -> None:
        if not bar.task_ids:
            bar.add_task("ImageNet weights")
            bar.start()
        bar.update(bar.task_ids[0], completed=done, total=total)

    try:
        yield advance
    finally:
        if bar.task_ids:
            bar.stop()


@contextmanager
def _standard_output_on_error() -> Iterator[None]:
    """Send what libraries print, from C as well, to standard error: standard output is for one JSON line."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


if __name__ == "__main__":
    sys.exit(main())
