"""`python -m ml export`: the ONNX graph of a model."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ml.commands.common import Failure, Parents, described, note, progress, resolve, standard_output_on_error
from ml.files.pictures import find, read_ahead
from ml.networks.export import MIN_PARITY, PRECISIONS, export_onnx, verify
from ml.runtimes.onnx import usable_cores
from ml.weights import Weights, read_graph_meta

_CALIBRATION = 256  # pictures, spread evenly over those given
_BATCH = 32


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", parents: Parents) -> None:
    parser = commands.add_parser("export", parents=[parents.model], help="write the ONNX graph of a model")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="compact: a quarter of the size at the same speed; int8: also computes in int8 (default: float, or the "
        "precision of the given graph)",
    )
    parser.add_argument(
        "--calibrate",
        nargs="+",
        type=Path,
        default=[],
        metavar="PATH",
        help=f"real pictures, folders or zip files, for int8 and --verify; {_CALIBRATION} of them are used. A compact "
        "graph stores what int8 needs to know about them",
    )
    parser.add_argument(
        "--maps", action="store_true", help="also return the last feature map and the class-activation maps of the type"
    )
    parser.add_argument("--verify", action="store_true", help="compare with the Keras network; needs TensorFlow")
    parser.add_argument("--json", action="store_true", help="one JSON line")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    found = resolve(options)
    pictures = _pictures(options.calibrate, found) if options.calibrate else []
    note(f"Exporting {found.name}{f', calibrating on {len(pictures)} pictures' if pictures else ''} …")
    with standard_output_on_error():
        digest = export_onnx(found, options.out, precision=options.precision, calibration=pictures, maps=options.maps)
        cosine = verify(found, options.out, pictures) if options.verify else None
    if cosine is not None and cosine < MIN_PARITY and read_graph_meta(options.out).precision == "float":
        raise Failure(f"{options.out} does not compute what Keras computes: smallest cosine {cosine:.6f}")
    compared = {} if cosine is None else {"verified_cosine": cosine}
    if options.json:
        precision = read_graph_meta(options.out).precision
        print(json.dumps(described(found) | {"graph_sha256": digest, "precision": precision} | compared))
    else:
        print(f"{options.out}  sha256 {digest}")
        if cosine is not None:
            print(f"smallest cosine with Keras {cosine:.7f}, {len(pictures) or 'no'} pictures")
    return 0


def _pictures(paths: Sequence[Path], weights: Weights) -> list[np.ndarray]:
    sources = list(find(paths))
    chosen = sources[:: max(1, len(sources) // _CALIBRATION)][:_CALIBRATION]
    good: list[np.ndarray] = []
    with progress("reading", len(chosen)) as advance:
        for reads in read_ahead(chosen, weights.spec, batch=_BATCH, workers=usable_cores()):
            good += [read.pixels for read in reads if read.pixels is not None]
            advance(len(reads))
    if not good:
        raise Failure(f"no picture in {', '.join(map(str, paths))} can be used")
    return good
