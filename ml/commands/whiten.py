"""`python -m ml whiten`: make a model with shorter vectors, fitted on a features file."""

import argparse
from pathlib import Path

from common.arguments import number, positive
from ml.commands.common import Failure, Parents, note, resolve
from ml.files import features
from ml.networks import whitening
from ml.spec import SHAPE
from ml.weights import WeightsError, read_variables, setting_for, write_npz


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", parents: Parents) -> None:
    parser = commands.add_parser(
        "whiten", parents=[parents.model], help="make a model with shorter vectors, fitted on your own pictures"
    )
    parser.add_argument(
        "features", type=Path, help="a file that embed wrote for your pictures with the model to whiten"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="e.g. whitened.npz")
    parser.add_argument(
        "--dimension",
        type=positive,
        default=whitening.DIMENSION,
        help="numbers to keep of each vector (default: %(default)s)",
    )
    parser.add_argument(
        "--shrinkage",
        type=number(0, 1),
        default=whitening.SHRINKAGE,
        help="0: all directions count equally; 1: each in proportion to its variance (default: %(default)s)",
    )
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    if options.out.suffix != ".npz":
        raise Failure(f"{options.out} must end in .npz.", code=2)
    known = features.load(options.features)
    maker = features.maker(options.features, known)
    spec = maker.spec
    found = resolve(options, weights=setting_for(maker.sha256, maker.weights), pooling=spec.pooling)
    if (found.sha256, found.spec) != (maker.sha256, spec):
        raise WeightsError(
            f"{options.features} was made with {maker.name}, not with {found.name}: name the same weights."
        )
    variables = read_variables(found)
    note(f"Fitting on {len(known.names)} vectors …")
    try:
        made = whitening.whitened_spec(spec, options.dimension)
        fitted = whitening.fit(
            whitening.unit_pooled(known.vectors, spec), options.dimension, shrinkage=options.shrinkage
        )
    except (whitening.CannotWhiten, ValueError) as error:
        raise Failure(f"{options.features}: {error}") from error
    backbone = {path: array for path, array in variables.items() if not path.startswith(("head/", "labels/"))}
    head = {f"head/{SHAPE}/kernel": fitted.kernel, f"head/{SHAPE}/bias": fitted.bias}
    history = {
        "from": found.name,
        "from_sha256": found.sha256,
        "whitened_on": len(known.names),
        "shrinkage": options.shrinkage,
    }
    extra = {"training": dict(found.extra.get("training") or {}) | {"whitening": history}}
    digest = write_npz(options.out, backbone | head, made, extra)
    print(
        f"{options.out}: {spec.dimension} → {made.dimension} numbers, {fitted.explained:.1%} of the variance  "
        f"sha256 {digest}"
    )
    return 0
