"""`python -m ml evaluate`: measure how well a model finds similar pictures."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.arguments import not_negative, number, positive
from ml.commands.common import WEIGHTS, Failure, Parents, load, note, progress, resolve
from ml.commands.data import prepared_set
from ml.commands.evaluation_tables import print_report
from ml.datasets import SIDES, DatasetError, Prepared, Sample, Split, open_set, read_split
from ml.embedder import Embedder, default_cache_dir
from ml.evaluation import baselines, protocol, questions, report, sheets
from ml.evaluation.pictures import Asked, PictureSet, asked_by_split, sampled
from ml.evaluation.vectors import Baseline, FromFile, Model, NoVectors, System
from ml.runtimes.views import VIEWS
from ml.spec import POOLINGS

_QUERIES = 2000
_NONE = "none"
CLASS_MAP = Path(protocol.__file__).with_name("clothing_classes.json")

_DESCRIPTION = """\
Measure how many of the pictures found match the query picture by type, colour, colour family, type
and colour together, and gender, for one or more models and for baselines without a model. The
gallery is every different picture of DATA; a query never finds itself. Vectors are cached, so a
second run is quick."""
_EXAMPLES = """\
examples:
  python -m ml evaluate catalog.zip --split split.json --out report/       queries from "val"
  python -m ml evaluate catalog.zip --split split.json --part test --weights runs/first/model.npz
  python -m ml evaluate photos/ --weights none --baselines pixels,hsv       without any network
  python -m ml evaluate catalog.zip --queries-from amateur.zip              the same class across sets
  python -m ml evaluate catalog.zip --find-self large.zip                   a picture and its thumbnail
  python -m ml evaluate catalog.zip --find-self large.zip --gallery-sizes 1000,4000,10000,all   its curve"""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", parents: Parents) -> None:
    parser = commands.add_parser(
        "evaluate",
        parents=[parents.running],
        help="measure how well a model finds similar pictures",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("data", type=Path, help="folder or zip: styles.csv + images/, or a folder per class")
    add("--out", type=Path, metavar="DIR", help="metrics.json, index.html and contact sheets")
    add("--json", action="store_true", help="one JSON line, as in metrics.json")
    add("--seed", type=not_negative, default=0, help="for everything random (default: 0)")
    add = parser.add_argument_group("what is measured").add_argument
    add("--weights", action="append", default=[], metavar="WEIGHTS",
        help=f"{WEIGHTS}; may be repeated; or none (default: the best available)")  # fmt: skip
    add("--pooling", choices=POOLINGS, help="instead of the pooling that the weights were made with")
    add("--views", type=_views, default=(1,), metavar="VIEWS",
        help="views of each picture, averaged; several are measured one by one, as in 1,2,4 (default: 1)")  # fmt: skip
    add("--features", action="append", default=[], type=Path, metavar="FILE",
        help="vectors that embed wrote for the same set; may be repeated")  # fmt: skip
    add("--baselines", type=_names, default=baselines.NAMES, metavar="NAMES",
        help=f"some of {','.join(baselines.NAMES)}, or none (default: all)")  # fmt: skip
    add("--cache-dir", type=Path, default=default_cache_dir(), help="default: %(default)s")
    add = parser.add_argument_group("queries").add_argument
    add("--split", type=Path, metavar="FILE", help="from `python -m ml split`")
    add("--part", choices=SIDES, help="part of the split to take queries from (default: val)")
    add("--queries", type=positive, metavar="N",
        help=f"N random pictures, whole products (default: all of the part; without a split {_QUERIES})")  # fmt: skip
    add("--photo-queries", action="store_true",
        help="embed queries in one view, as photo searches do; other sets always are")  # fmt: skip
    add("--limit", type=positive, metavar="N", help="use only N random pictures of the set, for a quick try")
    add = parser.add_argument_group("how").add_argument
    add("--gallery-sizes", type=_sizes, default=(1000, 10000), metavar="SIZES",
        help="smaller galleries to measure too (default: 1000,10000,all)")  # fmt: skip
    add("--resamples", type=positive, default=1000, metavar="N",
        help="bootstrap resamples for the intervals (default: 1000)")  # fmt: skip
    add(
        "--near-duplicate",
        type=number(0, 1),
        default=protocol.NEAR_DUPLICATE,
        metavar="COSINE",
        help="default: %(default)s",
    )
    add = parser.add_argument_group("other sets").add_argument
    add("--queries-from", type=Path, metavar="DATA", help="another set: its pictures query for the same class")
    add("--queries-split", type=Path, metavar="FILE",
        help="split of that set; queries come from its --part (default: all of it)")  # fmt: skip
    add("--class-map", type=Path, default=CLASS_MAP, metavar="JSON",
        help='matching classes: {"T-Shirt": ["Tshirts"], …} (default: 17 classes of clothing photos)')  # fmt: skip
    add("--find-self", type=Path, metavar="DATA",
        help="another set: its pictures query for those with the same file name")  # fmt: skip
    add("--find-self-split", type=Path, metavar="FILE",
        help="split of that set; queries come from its --part (default: all of it)")  # fmt: skip
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    try:
        document, drawn = _evaluate(options)
    except (DatasetError, NoVectors, ValueError) as error:
        raise Failure(str(error), code=2) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        place = error.filename or options.cache_dir
        raise Failure(f"{place} cannot be used: {error.strerror or error}.") from error
    if options.out:
        try:
            report.write(options.out, document, drawn)
        except OSError as error:
            raise Failure(f"The report cannot be written to {options.out}: {error.strerror or error}.") from error
    if options.json:
        print(json.dumps(document, ensure_ascii=False))
        return 0
    print_report(document)
    if options.out:
        print(f"\n{options.out / report.PAGE}")
    return 0


def _evaluate(options: argparse.Namespace) -> tuple[dict[str, Any], list[report.Sheet]]:
    if options.part and not (options.split or options.queries_split or options.find_self_split):
        raise DatasetError("--part needs a split: name its file with --split.")
    split = read_split(options.split) if options.split else None
    class_map = _class_map(options.class_map) if options.queries_from else {}
    systems = _systems(options)
    pictures = _open(options.data, options)
    if options.limit:
        pictures = pictures.only(sampled(pictures, options.limit, seed=options.seed).positions)
    asked = _asked(pictures, split, options)
    question = questions.within(pictures, asked.positions)
    held_out = split.held_out_types if split else ()
    held_out = held_out or tuple(sorted({name for system in systems for name in system.held_out_types}))
    apart = np.flatnonzero([label in held_out for label in question.queries.labels("type")])
    settings = protocol.Settings(
        gallery_sizes=options.gallery_sizes,
        resamples=options.resamples,
        seed=options.seed,
        near_duplicate=options.near_duplicate,
        held_out=apart,
    )
    if split is None and any(isinstance(system, Model) and system.trained for system in systems):
        note("Without --split, models may have been trained on the query pictures.")
    across = _across(pictures, class_map, options)
    themselves = _other(options.find_self, options.find_self_split, options) if options.find_self else None
    document: dict[str, Any] = {
        "set": {
            "name": pictures.name,
            "pictures": len(pictures),
            "duplicates": pictures.duplicates,
            "unreadable": pictures.unreadable,
        },
        "queries": {"count": len(asked.positions), "how": asked.how, "held_out": int(apart.size)},
        "held_out_types": list(held_out) if apart.size else [],
        "seed": options.seed,
        "resamples": options.resamples,
        "definitions": report.DEFINITIONS,
        "systems": [],
    }
    of_across: list[dict[str, Any]] = []
    of_self: list[dict[str, Any]] = []
    drawn: list[report.Sheet] = []
    for system in systems:
        gallery = system.vectors(pictures)
        asking = system.of_photos(pictures) if options.photo_queries else gallery
        about = {"name": system.name, "kind": system.kind, **system.described(), "dimension": gallery.shape[1]}
        with progress(f"measuring {system.name}", len(question.own), unit="queries") as advance:
            answer = protocol.answer(question, asking[question.own], gallery, settings, advance=advance)
        document["systems"].append(about | answer.figures)
        show = options.out is not None and (system.kind != "baseline" or len(systems) == len(options.baselines))
        if show:
            drawn += _drawn(question, answer, system.name, options.seed)
        short = {"name": system.name, "kind": system.kind}
        if across:
            found = _asked_across(system, across, gallery, settings)
            if found:
                of_across.append(short | found.figures)
                if show:
                    drawn += _drawn(across, found, system.name, options.seed, source=across.queries.name)
        if themselves:
            vectors = _vectors(system, themselves)
            if vectors is not None:
                of_self.append(short | protocol.find_self(pictures, themselves, vectors, gallery, settings))
    if across and of_across:
        document["across"] = {
            "set": across.queries.name,
            "queries": len(across.own),
            "class_map": {name: class_map[name] for name in across.notions[0].classes},
            "systems": _times_pixels(of_across),
        }
    if themselves and of_self:
        document["find_self"] = {"set": themselves.name, "systems": of_self}
    return document, drawn


def _systems(options: argparse.Namespace) -> list[System]:
    """Baselines first, then models and files, in the order given."""
    settings: list[str | None] = [setting for setting in options.weights if setting != _NONE]
    if not options.weights and not options.features:
        settings = [None]
    found: list[System] = []
    for name in options.baselines:
        found.append(_model(options, "untrained", name) if name == "untrained" else Baseline(name))
    found += [_model(options, setting, None, views) for setting in settings for views in options.views]
    found += [FromFile(path) for path in options.features]
    if not found:
        raise DatasetError("There is nothing to measure: name --weights, --features or --baselines.")
    _tell_apart(found)
    return found


def _model(options: argparse.Namespace, setting: str | None, name: str | None, views: int = 1) -> Model:
    chosen = argparse.Namespace(**{**vars(options), "weights": setting})
    if name:  # the baseline does not depend on what else is measured
        chosen.pooling = None
    weights = resolve(chosen)

    def start() -> Embedder:
        return load(chosen)

    return Model(
        weights,
        start,
        name=name or weights.name,
        runtime=options.runtime,
        cache_dir=options.cache_dir,
        progress=lambda what, total, done: progress(what, total, done=done),
        views=views,
    )


def _tell_apart(systems: Sequence[System]) -> None:
    """`model`, `model` → `model`, `model (2)`: many files are called model.npz."""
    seen: dict[str, int] = {}
    for system in systems:
        seen[system.name] = seen.get(system.name, 0) + 1
        if seen[system.name] > 1:
            system.name = f"{system.name} ({seen[system.name]})"


def _open(path: Path, options: argparse.Namespace) -> PictureSet:
    samples = open_set(path, note=note)

    def prepare(some: Sequence[Sample], input_size: int, fit: str) -> Prepared:
        return prepared_set(path, input_size=input_size, fit=fit, cache_dir=options.cache_dir, samples=list(some))

    try:
        return PictureSet(path, samples, prepare)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error


def _other(path: Path, split: Path | None, options: argparse.Namespace) -> PictureSet:
    """Another set to take queries from: all of it, or the part of its split."""
    others = _open(path, options)
    if split is None:
        return others
    chosen = asked_by_split(others, read_split(split), options.part or "val", count=None, seed=options.seed)
    return others.only(chosen.positions)


def _asked(pictures: PictureSet, split: Split | None, options: argparse.Namespace) -> Asked:
    if split is None:
        return sampled(pictures, options.queries or _QUERIES, seed=options.seed)
    return asked_by_split(pictures, split, options.part or "val", count=options.queries, seed=options.seed)


def _across(
    pictures: PictureSet, class_map: dict[str, list[str]], options: argparse.Namespace
) -> questions.Question | None:
    if not options.queries_from:
        return None
    others = _other(options.queries_from, options.queries_split, options)
    if options.limit:
        others = others.only(sampled(others, options.limit, seed=options.seed).positions)
    question = questions.across(pictures, others, class_map)
    left_out = len(others) - len(question.own)
    if left_out:
        note(f"{left_out:,} of {len(others):,} pictures of {others.name} have a class that is not in the class map.")
    return question


def _asked_across(
    system: System, question: questions.Question, gallery: np.ndarray, settings: protocol.Settings
) -> protocol.Answer | None:
    vectors = _vectors(system, question.queries)
    if vectors is None:
        return None
    only_here = protocol.Settings(
        gallery_sizes=(),
        resamples=settings.resamples,
        seed=settings.seed,
        near_duplicate=settings.near_duplicate,
        coverage_size=0,
    )
    return protocol.answer(question, vectors, gallery, only_here)


def _vectors(system: System, pictures: PictureSet) -> np.ndarray | None:
    """Vectors of another set's pictures; None, with a note, if a file of vectors covers only the gallery."""
    try:
        return system.of_photos(pictures)
    except NoVectors as error:
        note(str(error))
        return None


def _times_pixels(systems: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def precision(system: dict[str, Any]) -> float | None:
        mean: float | None = system["notions"]["kind"]["micro"]["precision@10"]["mean"]
        return mean

    pixels = next((precision(system) for system in systems if system["name"] == "pixels"), None)
    return [system | {"times_pixels": (precision(system) or 0) / pixels if pixels else None} for system in systems]


def _drawn(
    question: questions.Question, answer: protocol.Answer, name: str, seed: int, *, source: str = ""
) -> list[report.Sheet]:
    asked = f" from {source}" if source else ""
    stem = f"{report.slug(name)}{'-across' if source else ''}"
    titles = f"{name}: queries{asked} at random", f"{name}: the worst queries{asked}, one of each class"
    return [
        report.Sheet(f"{stem}-random", titles[0], sheets.at_random(question, answer, title=titles[0], seed=seed)),
        report.Sheet(f"{stem}-worst", titles[1], sheets.worst(question, answer, title=titles[1])),
    ]


def _class_map(path: Path) -> dict[str, list[str]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        entries = {name: [to] if isinstance(to, str) else list(to or ()) for name, to in document.items()}
        if not all(isinstance(name, str) for names in entries.values() for name in names):
            raise ValueError("its values must be names, or lists of names")
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise DatasetError(
            f'{path} cannot be used as a class map ({error}). It must be JSON such as {{"T-Shirt": ["Tshirts"]}}.'
        ) from error
    return entries


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip() and name.strip() != _NONE))
    unknown = [name for name in names if name not in baselines.NAMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(baselines.NAMES)}")
    return names


def _views(text: str) -> tuple[int, ...]:
    wanted = {each.strip() for each in text.split(",")}
    if unknown := wanted - {str(each) for each in VIEWS}:
        raise argparse.ArgumentTypeError(f"{min(unknown)!r} is none of {', '.join(map(str, VIEWS))}")
    return tuple(each for each in VIEWS if str(each) in wanted)


def _sizes(text: str) -> tuple[int, ...]:
    """The whole gallery is always measured, so "all" is allowed but adds nothing."""
    return tuple(sorted({positive(size) for size in text.split(",") if size.strip() and size.strip() != "all"}))
