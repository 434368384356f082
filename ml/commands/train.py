"""`python -m ml train`."""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ml.commands.common import Failure, Parents, note, resolve
from ml.commands.data import backgrounds_in, prepared_set
from ml.commands.train_options import add_parser
from ml.datasets import (
    DatasetError,
    Prepared,
    Sample,
    Split,
    groups_of,
    open_set,
    read_split,
    split,
    usual_side,
    write_split,
)
from ml.training.augment import NONE, Augmentation
from ml.training.plan import OWN_TYPE, Plan, check_types, make_plan, with_everything
from ml.training.schedule import Phase, Schedule, parse_sizes
from ml.training.sources import (
    TRIPLETS,
    ClassMap,
    LabelledSet,
    Sampling,
    Source,
    data_digest,
    held_out,
    renamed,
    training_source,
    validation_pictures,
    with_own_types,
)
from ml.training.state import DATA, MODEL, locked, not_written
from ml.training.views.drawing import Reality
from ml.weights import read_variables
from ml.weights.architectures import ARCHITECTURES

TRAINED = ("resnet50", "efficientnet_lite0", "efficientnet_lite2")
# Parts move towards the classes; see `ml.spec.Part`.
_TOWARDS = {"type": 1.0, "gender": 0.2, OWN_TYPE: 0.5}
# The sides of stored pictures with --views real, as shares of the largest size trained at: enough for a tight crop.
_SHARPER = 1.5


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", parents: Parents) -> None:
    add_parser(commands, parents, _train)


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
    if start.spec.backbone not in TRAINED:
        titles = " or ".join(ARCHITECTURES[backbone].title for backbone in TRAINED)
        raise Failure(f"{start.name} is not a {titles}, the networks trained here: name another --init.", code=2)
    if start.path and start.path.resolve() == (options.out / MODEL).resolve():
        raise Failure(f"--out would overwrite --init {start.path}: name another folder.", code=2)
    prepared = _prepared(options, options.data, largest)
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
    plan = replace(
        plan,
        backbone=start.spec.backbone,
        norms=options.train_norms,
        half=options.half,
        cosine_margin=options.cosine_margin,
    )
    if OWN_TYPE in plan.classes:
        plan = replace(plan, acceptable=_acceptable(options, plan))
    if options.views == "real" and plan.classes:
        plan = with_everything(plan, _TOWARDS, colours=not options.no_histogram)
    vocabulary = _vocabulary(plan, everything)
    _check_pairs(options, everything)
    extra_share = options.extra_share if extras else 0.0
    sources = [training_source(first, vocabulary, 1.0 - extra_share)]
    roots = [len(extra.indices("train")) ** 0.5 for extra in extras]
    sources += [training_source(extra, vocabulary, extra_share * root / sum(roots))
                for extra, root in zip(extras, roots, strict=True)]  # fmt: skip
    # With real views, a class may be drawn several times for a batch.
    most = options.classes if options.views == "real" else len(vocabulary["type"])
    sampling = Sampling(min(options.classes, most), options.each, options.power)
    batch = 3 * TRIPLETS if plan.loss == "classic-triplet" else sampling.batch
    steps = options.steps or max(1, sum(len(source.pixels) for source in sources) // batch)
    held = validation_pictures(first, vocabulary, gallery=options.gallery, seed=options.seed)
    if not held.queries:
        note("No picture is on the validation side: the last epoch is kept without measuring it.")
    # As late as this, so that mistakes in the arguments are reported at once.
    from ml.commands.train_run import configure_backend, train_with_progress  # noqa: PLC0415 (TensorFlow: 15 s)
    from ml.training.refit import Refit  # noqa: PLC0415 (TensorFlow)
    from ml.training.trainer import Run  # noqa: PLC0415 (TensorFlow)

    refits = options.refit_epochs and plan.heads and plan.classes and options.views == "studio"
    configure_backend()
    if options.teacher:
        plan, sources = _taught(options, plan, sources)
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
        amounts=NONE if options.no_augment else Reality() if options.views == "real" else Augmentation(),
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


def _prepared(options: argparse.Namespace, path: Path, largest: int) -> Prepared:
    """The pictures as large as the network sees them; with --views real, as large as they are, within reason."""
    if options.views == "studio":
        return prepared_set(path, input_size=largest, fit=options.fit, cache_dir=options.cache_dir)
    samples = open_set(path, note=note)
    size = min(usual_side(samples), int(largest * _SHARPER))
    return prepared_set(path, input_size=size, fit=options.fit, cache_dir=options.cache_dir, samples=samples)


def _taught(options: argparse.Namespace, plan: Plan, sources: list[Source]) -> tuple[Plan, list[Source]]:
    """The plan with the losses of distillation, and the sources with the teacher's vectors."""
    from ml.training.views.teaching import teacher_vectors  # noqa: PLC0415 (TensorFlow: 15 s)

    teacher = resolve(argparse.Namespace(**{**vars(options), "weights": options.teacher, "pooling": None}))
    note(f"Computing the vectors of {teacher.name}, the teacher.")
    vectors = teacher_vectors(teacher.spec, read_variables(teacher), sources)
    own = sum(head.dimension for head in plan.heads)
    cosine = options.teacher_cosine if teacher.spec.dimension == own else 0.0
    plan = replace(plan, cosine=cosine, relations=options.teacher_relations)
    return plan, [replace(source, teacher=of) for source, of in zip(sources, vectors, strict=True)]


def _split(options: argparse.Namespace, prepared: Prepared) -> Split:
    """The given split, or one that is made once and kept in the run's folder."""
    path = options.split or options.out / "split.json"
    if options.split or path.is_file():
        chosen = read_split(path)
        _check_split(options, path, chosen, prepared)
        return chosen
    groups = groups_of(prepared.samples, prepared.digests)
    chosen = split(prepared.samples, groups, backgrounds=backgrounds_in(prepared), val=0.1, test=0.1, seed=options.seed)
    _keep_split(path, chosen)
    counts = Counter(chosen.sides.values())
    note(
        "Split by product and background: "
        f"{', '.join(f'{counts[side]:,} {side}' for side in ('train', 'val', 'test'))} ({path})."
    )
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
        prepared = _prepared(options, path, size)
        if place < len(options.extra_classes):
            if options.own_types:
                prepared = replace(prepared, samples=with_own_types(prepared.samples))
            prepared = replace(prepared, samples=renamed(prepared.samples, _class_map(options.extra_classes[place])))
        groups = groups_of(prepared.samples, prepared.digests)
        if place < len(options.extra_split):
            chosen = read_split(options.extra_split[place])
            _check_split(options, options.extra_split[place], chosen, prepared)
        else:
            chosen = split(
                prepared.samples, groups, backgrounds=backgrounds_in(prepared), val=0.0, test=0.1, seed=options.seed
            )
        if held_out_types:
            before = Counter(chosen.sides.values())["train"]
            chosen = held_out(chosen, prepared.samples, groups, held_out_types)
            dropped = before - Counter(chosen.sides.values())["train"]
            note(f"{dropped:,} pictures of {path.name} are left out: their types are held out of training.")
        if place >= len(options.extra_split):
            _keep_split(options.out / f"split-{path.stem}.json", chosen)
        found.append(LabelledSet(prepared, chosen))
    return found


def _acceptable(options: argparse.Namespace, plan: Plan) -> tuple[tuple[int, ...], ...]:
    """For every own type of the extra sets, the numbers of the types that their class maps name for it."""
    names: dict[str, set[str]] = {}
    for path in options.extra_classes:
        for own, other in _class_map(path).items():
            names.setdefault(own, set()).update([other] if isinstance(other, str) else other or ())
    types = plan.classes["type"]
    return tuple(
        tuple(number for number, name in enumerate(types) if name in names.get(own, {own}))
        for own in plan.classes[OWN_TYPE]
    )


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
    tasks = ("type", "gender", "colour", "family", OWN_TYPE)
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
    """Backgrounds: the extra pictures that are not mostly white, as shop pictures are. Of sets stored at different
    sizes, those of the size with the most photos."""
    found: dict[int, list[np.ndarray]] = {}
    for extra in extras:
        of = extra.prepared.pixels[extra.indices("train")]
        if len(photos := of[[(picture > 243).all(axis=2).mean() < 0.5 for picture in of]]):
            found.setdefault(of.shape[1], []).append(photos)
    return max(map(np.concatenate, found.values()), key=len, default=())


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
