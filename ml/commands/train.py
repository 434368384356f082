"""`python -m ml train`."""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.arguments import not_negative, number, positive
from ml.commands.common import Failure, Parents, note, resolve
from ml.commands.data import prepared_set
from ml.datasets import DatasetError, Prepared, Sample, Split, groups_of, read_split, split, write_split
from ml.training.augment import NONE, Augmentation
from ml.training.plan import LOSSES, Plan, check_types, make_plan
from ml.training.schedule import Phase, Schedule, parse_sizes
from ml.training.sources import (
    TRIPLETS,
    ClassMap,
    LabelledSet,
    Sampling,
    data_digest,
    held_out,
    renamed,
    training_source,
    validation_pictures,
)
from ml.training.state import DATA, MODEL, locked, not_written
from ml.weights import read_variables

MINING = ("semi-hard", "batch-hard")
_DESCRIPTION = """\
Fine-tune ResNet50 on labelled pictures: a folder per class, or styles.csv next to images/, as a
folder or a zip (`manage.py export_training_set` writes one from the shop). Evaluates after every
epoch and keeps the best epoch as model.npz. To resume a run that stopped, repeat the command."""
_EXAMPLES = """\
examples:
  python -m ml train photos/ --loss classic-triplet --out runs/triplet      32 triplets a batch, margin 0.2
  python -m ml train catalog.zip --loss classify --out runs/classifier      accuracy, loss and F-score
  python -m ml train catalog.zip --split split.json --sizes 64x4,80x3 --out runs/first
  KERAS_BACKEND=torch python -m ml train …                                  where PyTorch is installed

losses:
  softmax          normalised softmax: a direction for each class (the default)
  joint            triplet loss before, normalised softmax after a batch-norm neck
  classify         softmax on the pooled features; the model also predicts classes
  triplet          mined in batches of P classes × K pictures
  classic-triplet  random (anchor, positive, negative), 32 triplets a batch"""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", parents: Parents) -> None:
    parser = commands.add_parser(
        "train",
        help="fine-tune ResNet50 on labelled pictures",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, help="folder or zip of labelled pictures")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="model, checkpoint and report")
    parser.add_argument("--loss", choices=LOSSES, default="softmax", help="default: %(default)s")
    parser.add_argument(
        "--init", dest="weights", metavar="WEIGHTS", help="weights to start from (default: the best available)"
    )
    parser.add_argument("--split", type=Path, metavar="FILE", help="from `python -m ml split` (default: made here)")
    parser.add_argument("--seed", type=not_negative, default=0)
    parser.set_defaults(command=_train, pooling=None)
    add = parser.add_argument_group("the model").add_argument
    add("--dimension", type=positive, help="length of the vector (default: 256; classify: the 2048 pooled features)")
    add("--margin", type=number(0), default=0.2, help="of the triplet losses (default: %(default)s)")
    add("--mining", choices=MINING, default="semi-hard", help="of triplet and joint (default: %(default)s)")
    add("--scale", type=number(0), default=16.0, help="of the cosines in the normalised softmax (default: %(default)s)")
    add("--fit", choices=("letterbox", "stretch"), default="letterbox", help="default: %(default)s")
    add = parser.add_argument_group("the schedule").add_argument
    add("--sizes", default="48x2,64x3,80x4", help="SIZExEPOCHS, small pictures first (default: %(default)s)")
    add(
        "--frozen-epochs",
        type=number(0),
        default=0.25,
        metavar="N",
        help="train only the heads at first (default: %(default)s)",
    )
    add("--learning-rate", type=number(0), default=3e-4, help="peak (default: %(default)s)")
    add("--head-learning-rate", type=number(0), default=1e-3, help="while frozen (default: %(default)s)")
    add("--refit-epochs", type=not_negative, default=30, metavar="N", help="at the end, train only the heads on "
        "fixed features (default: %(default)s; 0: skip this step)")  # fmt: skip
    add(
        "--no-histogram",
        action="store_true",
        help="in that step, the colour part does not read the picture's own colours",
    )
    add("--weight-decay", type=number(0), default=0.02, help="default: %(default)s")
    add("--averaging", type=number(0, 1, below=True), default=0.999, help="decay of the moving average that is kept "
        "(default: %(default)s)")  # fmt: skip
    add("--patience", type=not_negative, default=0, metavar="N", help="stop after N epochs at the last size without "
        "improvement (default: never)")  # fmt: skip
    add("--steps", type=positive, help="per epoch (default: enough to see every picture once)")
    add = parser.add_argument_group("the batches").add_argument
    add("--classes", type=positive, default=16, help="P of P×K (default: %(default)s)")
    add("--each", type=positive, default=4, help="K of P×K (default: %(default)s)")
    add(
        "--power",
        type=number(0),
        default=0.5,
        help="a class of n pictures is drawn with weight n^POWER (default: %(default)s)",
    )
    add("--no-augment", action="store_true", help="do not augment pictures")
    add("--extra", type=Path, action="append", default=[], metavar="DATA", help="another set, e.g. amateur photos; its "
        "pictures are backgrounds too; may be repeated")  # fmt: skip
    add("--extra-classes", type=Path, action="append", default=[], metavar="JSON",
        help="what the first set calls the extra set's types, or null: {\"T-Shirt\": \"Tshirts\", …}")  # fmt: skip
    add("--extra-share", type=number(0, 0.9), default=0.15, help="share of every batch for all extra sets together; "
        "classic-triplet draws from all pictures equally (default: %(default)s)")  # fmt: skip
    add = parser.add_argument_group("keeping").add_argument
    add(
        "--gallery",
        type=not_negative,
        default=4000,
        help="training pictures to search after every epoch (default: %(default)s)",
    )
    add("--checkpoint-minutes", type=number(0), default=5.0, help="default: %(default)s")
    add("--cache-dir", type=Path, default=parents.model.get_default("cache_dir"), help="default: %(default)s")
    add("--restart", action="store_true", help="start over: remove model, checkpoint and report in the folder, "
        "keep splits")  # fmt: skip


def _train(options: argparse.Namespace) -> int:
    phases = _phases(options)
    _check_matplotlib()
    with locked(options.out):
        _train_locked(options, phases)
    return 0


def _phases(options: argparse.Namespace) -> tuple[Phase, ...]:
    try:
        phases = parse_sizes(options.sizes)
    except ValueError as error:
        raise Failure(f"--sizes: {error}", code=2) from error
    largest = max(phase.size for phase in phases)
    if phases[-1].size < largest:
        raise Failure(f"--sizes: the last size must be the largest, {largest}: the model is made for it.", code=2)
    return phases


def _check_matplotlib() -> None:
    """Fail now rather than after the first epoch."""
    try:
        import matplotlib.figure  # noqa: F401, PLC0415 (matplotlib: 2 s)
    except ImportError as error:
        raise Failure(
            f"matplotlib draws the report and cannot be imported ({error}): install requirements/worker.txt."
        ) from error


def _train_locked(options: argparse.Namespace, phases: tuple[Phase, ...]) -> None:
    largest = phases[-1].size
    start = resolve(options)
    if start.spec.backbone != "resnet50":
        raise Failure(f"{start.name} is not a ResNet50, the only network trained here: name another --init.", code=2)
    if start.path and start.path.resolve() == (options.out / MODEL).resolve():
        raise Failure(f"--out would overwrite --init {start.path}: name another folder.", code=2)
    prepared = prepared_set(options.data, input_size=largest, fit=options.fit, cache_dir=options.cache_dir)
    chosen = _split(options, prepared)
    extras = _extra_sets(options, largest, chosen.held_out_types)

    first = LabelledSet(prepared, chosen)
    check_types(first.samples("train"))  # models are compared on this set only
    everything = [*first.samples("train"), *(sample for extra in extras for sample in extra.samples("train"))]
    plan = make_plan(
        options.loss,
        everything,
        dimension=options.dimension,
        margin=options.margin,
        mining=options.mining,
        scale=options.scale,
    )
    vocabulary = _vocabulary(plan, everything)
    _check_pairs(options, everything)
    extra_share = options.extra_share if extras else 0.0
    sources = [training_source(first, vocabulary, 1.0 - extra_share)]
    sources += [training_source(extra, vocabulary, extra_share / len(extras)) for extra in extras]
    sampling = Sampling(min(options.classes, len(vocabulary["type"])), options.each, options.power)
    batch = 3 * TRIPLETS if plan.loss == "classic-triplet" else sampling.batch
    steps = options.steps or max(1, sum(len(source.pixels) for source in sources) // batch)
    held = validation_pictures(first, vocabulary, gallery=options.gallery, seed=options.seed)
    if not held.queries:
        note("No picture is on the validation side: the last epoch is kept without measuring it.")
    # As late as this, so that mistakes in the arguments are reported at once.
    from ml.commands.train_run import configure_backend, train_with_progress  # noqa: PLC0415 (TensorFlow: 15 s)
    from ml.training.refit import Refit  # noqa: PLC0415 (TensorFlow)
    from ml.training.trainer import Run  # noqa: PLC0415 (TensorFlow)

    refits = options.refit_epochs and plan.heads and plan.classes
    configure_backend()
    run = Run(
        plan=plan,
        schedule=Schedule(
            phases,
            steps,
            frozen_steps=int(options.frozen_epochs * steps),
            learning_rate=options.learning_rate,
            head_learning_rate=options.head_learning_rate,
        ),
        sampling=sampling,
        amounts=NONE if options.no_augment else Augmentation(),
        sources=sources,
        backgrounds=_photos(extras),
        held=held if held.queries else None,
        variables=read_variables(start),
        start=start.spec,
        folder=options.out,
        settings=_settings(options, start.sha256) | {DATA: data_digest([first, *extras], vocabulary)},
        seed=options.seed,
        weight_decay=options.weight_decay,
        averaging=options.averaging,
        patience=options.patience,
        checkpoint_s=60 * options.checkpoint_minutes,
    )
    train_with_progress(
        run,
        spec=plan.spec(largest, options.fit),
        vocabulary=vocabulary,
        how=Refit(options.refit_epochs, colours=not options.no_histogram) if refits else None,
        started_from=start.name,
        data=options.data.name,
        held_out_types=chosen.held_out_types,
        restart=options.restart,
    )


def _split(options: argparse.Namespace, prepared: Prepared) -> Split:
    """The given split, or one that is made once and kept in the run's folder."""
    path = options.split or options.out / "split.json"
    if options.split or path.is_file():
        chosen = read_split(path)
        _check_split(options, path, chosen, prepared)
        return chosen
    groups = groups_of(prepared.samples, prepared.digests)
    chosen = split(prepared.samples, groups, val=0.1, test=0.1, seed=options.seed)
    _keep_split(path, chosen)
    counts = Counter(chosen.sides.values())
    note(f"Split by product: {', '.join(f'{counts[side]:,} {side}' for side in ('train', 'val', 'test'))} ({path}).")
    return chosen


def _check_split(options: argparse.Namespace, path: Path, chosen: Split, prepared: Prepared) -> None:
    """Report the pictures that a split does not contain; DatasetError if nothing is left to train on."""
    sides = [chosen.sides.get(sample.name) for sample in prepared.samples]
    unknown = sides.count(None)
    if "train" not in sides:
        why = f"it lacks {unknown:,} of them, so it may be for another set" if unknown else "all are on other sides"
        raise DatasetError(
            f"None of the {len(sides):,} pictures of {options.data} is on the training side of {path}: {why}. "
            f"Make one for this set with `python -m ml split {options.data} -o FILE`, and name it with --split."
        )
    if unknown:
        note(f"{path} lacks {unknown:,} of the {len(sides):,} pictures of {options.data}: they are left out.")


def _keep_split(path: Path, chosen: Split) -> None:
    try:
        write_split(path, chosen)
    except OSError as error:
        raise not_written(path, error) from error


def _extra_sets(options: argparse.Namespace, size: int, held_out_types: Sequence[str]) -> list[LabelledSet]:
    """The --extra sets with the first set's class names, without the types that are held out of training."""
    if len(options.extra_classes) > len(options.extra):
        raise Failure("Each --extra-classes belongs to one --extra set, but there are more of them than sets.", code=2)
    found = []
    for place, path in enumerate(options.extra):
        prepared = prepared_set(path, input_size=size, fit=options.fit, cache_dir=options.cache_dir)
        if place < len(options.extra_classes):
            prepared = replace(prepared, samples=renamed(prepared.samples, _class_map(options.extra_classes[place])))
        groups = groups_of(prepared.samples, prepared.digests)
        chosen = split(prepared.samples, groups, val=0.0, test=0.1, seed=options.seed)
        if held_out_types:
            before = Counter(chosen.sides.values())["train"]
            chosen = held_out(chosen, prepared.samples, groups, held_out_types)
            dropped = before - Counter(chosen.sides.values())["train"]
            note(f"{dropped:,} pictures of {path.name} are left out: their types are held out of training.")
        _keep_split(options.out / f"split-{path.stem}.json", chosen)
        found.append(LabelledSet(prepared, chosen))
    return found


def _class_map(path: Path) -> ClassMap:
    try:
        document = json.loads(path.read_text())
        if not isinstance(document, dict):
            raise ValueError("it is not a JSON object")
        for own, other in document.items():
            names = other if isinstance(other, list) else [other]
            if other is not None and not all(isinstance(name, str) for name in names):
                raise ValueError(f"{own} must map to a name, a list of names, or null, not {json.dumps(other)}")
        return document
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be used as a class map: {error}.") from error


def _vocabulary(plan: Plan, samples: Sequence[Sample]) -> dict[str, tuple[str, ...]]:
    """The classes of every task that the samples have labels for. Mining and metrics need them even without softmax."""
    tasks = ("type", "gender", "colour", "family")
    known = {task: tuple(sorted({s.labels[task] for s in samples if task in s.labels})) for task in tasks}
    return {task: names for task, names in known.items() if names} | dict(plan.classes)


def _check_pairs(options: argparse.Namespace, samples: Sequence[Sample]) -> None:
    counts = Counter(sample.labels["type"] for sample in samples if "type" in sample.labels)
    single = sorted(name for name, count in counts.items() if count < 2)
    if single and options.loss in ("triplet", "classic-triplet", "joint"):
        note(
            f"{len(single)} classes have one picture to train on and give no positive pair: {', '.join(single[:5])} …."
        )
    if len(single) == len(counts) and options.loss in ("triplet", "classic-triplet"):
        raise DatasetError("No class has two pictures to train on: a triplet needs an anchor and another of its class.")


def _photos(extras: list[LabelledSet]) -> np.ndarray | tuple[()]:
    """Backgrounds: the extra pictures that are not mostly white, as shop pictures are."""
    pixels = [extra.prepared.pixels[extra.indices("train")] for extra in extras]
    photos = [of[[(picture > 243).all(axis=2).mean() < 0.5 for picture in of]] for of in pixels if len(of)]
    return np.concatenate(photos) if photos else ()


def _settings(options: argparse.Namespace, start_sha256: str) -> dict[str, object]:
    """The settings that a checkpoint must match: everything that changes what is computed."""
    apart = {
        "command",
        "out",
        "cache_dir",
        "checkpoint_minutes",
        "restart",
        "weights",
        "pooling",
        "refit_epochs",
        "no_histogram",
    }
    chosen = {name: value for name, value in vars(options).items() if name not in apart}
    return json.loads(json.dumps(chosen | {"init": start_sha256}, default=str))  # as a checkpoint will contain it
