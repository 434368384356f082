"""`python -m ml …`: embed, search, train and evaluate from the command line, without a database."""

import argparse
import io
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from ml.commands import embed, evaluate, export, maps, search, split, train, weights, whiten
from ml.commands.common import WEIGHTS, Failure, Parents, note
from ml.datasets import DatasetError
from ml.embedder import RUNTIMES, default_cache_dir
from ml.files.features import FeaturesError
from ml.files.prices import PricesError
from ml.pictures.codec import ImageRejected
from ml.runtimes import BadVector
from ml.runtimes.quiet import quiet_tensorflow
from ml.spec import POOLINGS
from ml.training.state import TrainingError
from ml.weights import WeightsError

_COMMANDS = (weights, embed, search, maps, evaluate, split, train, whiten, export)

_DESCRIPTION = """\
Turn pictures into vectors, find pictures that look alike, and train and measure models. Results
go to standard output, progress and notes to standard error. Exit codes: 0 success, 1 failure,
2 wrong usage, or a file or weights that cannot be used."""

_EXAMPLES = """\
examples:
  python -m ml weights                                   which weights are used, and why
  python -m ml embed photos/ -o features.npz             a folder of pictures → vectors
  python -m ml embed catalog.zip -o features.parquet --weights resnet50.npz
  python -m ml search features.npz dress.jpg -k 6        the six most similar pictures
  python -m ml search features.npz dress.jpg --metric euclidean --json
  python -m ml search features.npz dress.jpg --prices prices.csv --price-max 50
  python -m ml maps dress.jpg --out maps.png             where the network looks, and regions to crop
  python -m ml split catalog.zip --out split.json        training, validation and test products
  python -m ml train catalog.zip --split split.json --out runs/joint
  python -m ml evaluate catalog.zip --split split.json --weights runs/joint/model.npz
  python -m ml whiten imagenet.npz --out small.npz       shorter vectors, fitted on your pictures
  python -m ml export --weights imagenet --pooling max --out resnet50.onnx

WEIGHTS is bundled, lookalike-general (bundled too), an edition such as lookalike-fashion-1,
imagenet or imagenet-inception (Keras's, downloaded once), efficientnet-lite0 or
efficientnet-lite2 (from packages), untrained, or the path of an .npz,
.h5 or .onnx file. Default: bundled, else imagenet, else untrained with a warning."""


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; returns the exit code."""
    quiet_tensorflow()
    if isinstance(sys.stdout, io.TextIOWrapper):  # file names may contain characters that the terminal lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        code = command(options)
        sys.stdout.flush()  # here, where a closed pipe is handled
        return code
    except Failure as failure:
        note(f"error: {failure}")
        return failure.code
    except (TrainingError, ImageRejected) as error:
        note(f"error: {error}")
        return 1
    except BadVector as error:
        note(f"error: {error}. The weights seem to be damaged: get them again, or name others with --weights.")
        return 1
    except (WeightsError, FeaturesError, PricesError, DatasetError, zipfile.BadZipFile) as error:
        note(f"error: {error}")
        return 2
    except BrokenPipeError:  # the reader of standard output, such as `head`, has stopped reading
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        note(f"error: {error.strerror or error}{where}")
        return 2
    except KeyboardInterrupt:
        note("stopped")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument("--weights", help=f"{WEIGHTS} (default: the best available)")
    model.add_argument("--pooling", choices=POOLINGS, help="instead of the pooling that the weights were made with")
    model.add_argument("--cache-dir", type=Path, default=default_cache_dir(), help="default: %(default)s")
    running = argparse.ArgumentParser(add_help=False)
    running.add_argument("--runtime", choices=RUNTIMES, default="onnx", help="default: %(default)s")
    parents = Parents(model=model, running=running)
    for command in _COMMANDS:
        command.register(commands, parents)
    return parser


if __name__ == "__main__":
    sys.exit(main())
