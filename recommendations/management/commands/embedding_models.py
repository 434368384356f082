"""Changes the shop's embedding model without downtime."""

from __future__ import annotations

import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from json import dumps
from math import floor
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.arguments import positive
from common.progress import Meter, meter
from ml.runtimes.views import VIEWS
from ml.spec import POOLINGS
from ml.weights import edition_of
from recommendations.embeddings import claims
from recommendations.embeddings.coverage import Coverage, coverage, failed_instead, failed_skus, uncovered_skus
from recommendations.embeddings.indexes import index_bytes, index_due
from recommendations.lifecycle import switching
from recommendations.lifecycle.switching import FailedInstead, LifecycleError, NotCovered, Switch
from recommendations.management.arguments import chosen_model
from recommendations.management.comparison import (
    add_compare_arguments,
    chosen_products,
    drawn_products,
    write_comparison,
)
from recommendations.management.indexing import meter_with_index
from recommendations.management.tables import table
from recommendations.models import EmbeddingModel, ModelState
from recommendations.monitoring.model_comparison import NotComparable, compare, require_comparable
from recommendations.pipeline import in_hand, nudges, shutdown, worker
from recommendations.search import calibration
from recommendations.search.calibration import Calibration, MatchBasis

HELP = """\
Add, build, switch and retire embedding models. The usual steps:

  manage.py embedding_models add better.npz           create a draft
  manage.py embedding_models build better             embed every picture, while the active model serves
  manage.py embedding_models compare fashion better   compare their look-alikes of the same products
  manage.py embedding_models activate better          use it from the next request on
  manage.py embedding_models rollback                 switch back to the previous model
  manage.py embedding_models retire better            free its space
  manage.py embedding_models calibrate                measure again what its scores mean in this shop

A model is draft, building, ready, active or retired. Workers keep building, ready and active models complete. Retire
models that you no longer need, because every upload is embedded for each of them.
"""
NAMED = 10  # products named in a message
RECOUNT_SECONDS = 3.0
UPLOADS_BETWEEN = 5  # attempts to switch while new uploads arrive


class Command(BaseCommand):
    help = HELP

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        return super().create_parser(*args, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

        def action(name: str, does: str) -> ArgumentParser:
            parser: ArgumentParser = actions.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
            return parser

        listing = action("list", "list models, their coverage and the active one")
        listing.add_argument("--json", action="store_true", help="machine-readable output")
        add = action("add", "create a draft model from weights")
        add.add_argument(
            "weights",
            metavar="WEIGHTS",
            help="as in EMBEDDING_WEIGHTS: bundled, imagenet, untrained, a file, …",
        )
        add.add_argument("--name", help="name of the model (default: the name of the weights)")
        add.add_argument("--pooling", choices=POOLINGS, help="override the pooling of the weights")
        add.add_argument(
            "--views", type=positive, choices=VIEWS,
            help="views of each picture to embed and average (default: EMBEDDING_VIEWS)",
        )  # fmt: skip
        build = action(
            "build",
            "embed every picture with a model and index it, while the active model serves; resumes where it stopped",
        )
        build.add_argument("name", metavar="NAME")
        build.add_argument("--enqueue", action="store_true", help="leave the work to the workers")
        add_compare_arguments(action("compare", "compare the look-alikes that two models find"))
        activate = action(
            "activate", "switch to a model once every picture has a vector; otherwise list those without one"
        )
        activate.add_argument("name", metavar="NAME")
        activate.add_argument(
            "--force", action="store_true", help="switch even if pictures lack a vector or the index is missing"
        )
        action("rollback", "switch back to the previous model; repeat to return")
        retire = action("retire", "delete a model's vectors, index and artifact; its row remains as a record")
        retire.add_argument("name", metavar="NAME")
        calibrate = action(
            "calibrate", "measure what a model's scores mean in this shop; also done automatically as the shop grows"
        )
        calibrate.add_argument("--model", metavar="NAME", help="embedding model (default: the active one)")

    def handle(self, *, action: str, **options: Any) -> None:
        run: Callable[..., None] = getattr(self, f"_{action}")
        try:
            run(**options)
        except (*worker.UNAVAILABLE, LifecycleError, worker.Halted, NotComparable) as error:
            raise CommandError(str(error)) from error

    def _list(self, *, json: bool, **_: Any) -> None:
        models = [_described(model) for model in EmbeddingModel.objects.order_by("pk")]
        if json:
            self.stdout.write(dumps({"models": models}, indent=2, ensure_ascii=False))
            return
        if not models:
            self.stdout.write("There is no model yet. The first picture creates one, or use `add`.")
            return
        titles = ("name", "state", "source", "backbone", "dim", "px", "views", "coverage", "index", "activated")
        self.stdout.write(table([titles, *map(_row, models)]))

    def _add(self, *, weights: str, name: str | None, pooling: str | None, views: int | None, **_: Any) -> None:
        with self._download() as progress:
            model = switching.add_model(
                weights, name=name, pooling=pooling, views=views, log=self.stderr.write, progress=progress
            )
        averaged = f", {model.views} views" if model.views > 1 else ""
        self.stdout.write(
            f"{model.name} is a draft: {model.backbone}, {model.dimension}-d, {model.input_size} px, {model.pooling} "
            f"pooling{averaged}. Next: `manage.py embedding_models build {model.name}`."
        )
        if model.untrained:
            self.stderr.write(switching.UNTRAINED_WARNING)

    def _build(self, *, name: str, enqueue: bool, **_: Any) -> None:
        model = switching.begin_build(name)
        claims.add_missing_rows(model)
        if enqueue:
            nudges.nudge_bulk()
            self.stdout.write("Workers build it, after uploads. `list` shows their progress.")
            return
        self._complete(model)
        found = coverage(model)
        self.stdout.write(
            f"{name} is {model.state}: {found.ready:,} of {found.total:,} pictures. "
            f"Next: `manage.py embedding_models activate {name}`."
        )
        self._name_failed(model, found)

    def _compare(self, *, first: str, second: str, sku: list[str] | None, **options: Any) -> None:
        a, b = chosen_model(first), chosen_model(second)
        require_comparable(a, b)
        products = chosen_products(sku) if sku else drawn_products(a, b, options["sample"], options["seed"])
        with meter(self.stderr, "Comparing", len(products)) as progress:
            found = compare(a, b, products, options["k"], advance=progress.advance)
        write_comparison(self.stdout, found, as_json=options["json"])

    def _activate(self, *, name: str, force: bool, **_: Any) -> None:
        model = EmbeddingModel.objects.filter(name=name, state=ModelState.READY).first()
        try:
            if model is not None and not force:
                switch = self._complete_and_activate(model)
            else:
                if model is not None:
                    calibration.calibrate_if_due(model)
                switch = switching.activate(name, force=force)
        except NotCovered as error:
            raise CommandError(
                f"{error} {_some(uncovered_skus(error.model, NAMED), error.coverage.missing)} Run `manage.py "
                f"embedding_models build {name}` first, or use --force: products without a vector have no look-alikes "
                "until workers have embedded them."
            ) from error
        except FailedInstead as error:
            lost = failed_instead(error.model, error.active).values_list("image__product__sku", flat=True)
            raise CommandError(
                f"{error} {_some(list(lost[:NAMED]), error.count)} `manage.py embed_catalog --failed --model {name}` "
                "retries them. With --force the model is activated anyway, and these pictures have no look-alikes."
            ) from error
        self._report(switch)

    def _complete_and_activate(self, model: EmbeddingModel) -> Switch:
        """First embed the latest uploads. While staff keep uploading, repeat this a few times."""
        for _ in range(UPLOADS_BETWEEN):
            if coverage(model).missing or index_due(model):
                self._complete(model)
            calibration.calibrate_if_due(model)  # so that shoppers see match words at once
            with suppress(NotCovered):
                return switching.activate(model.name)
        return switching.activate(model.name)

    def _rollback(self, **_: Any) -> None:
        self._report(switching.rollback())

    def _retire(self, *, name: str, **_: Any) -> None:
        model = EmbeddingModel.objects.filter(name=name).first()
        with meter(self.stderr, f"Retiring {name}", model.embeddings.count() if model else 0) as progress:
            switching.retire(name, advance=progress.advance, log=self.stderr.write)
        self.stdout.write(f"{name} is retired: {progress.done:,} vectors deleted.")

    def _calibrate(self, *, model: str | None, **_: Any) -> None:
        chosen = chosen_model(model)
        made = calibration.calibrate(chosen)
        if made is None:
            raise CommandError(
                f"{chosen.name} has vectors of fewer than {calibration.LEAST_PICTURES} pictures of published products, "
                "which is too few for calibration."
            )
        self.stdout.write(_meaning(chosen, made))

    def _complete(self, model: EmbeddingModel) -> None:
        """`worker.build` with a progress bar that includes the work of other processes."""
        found = coverage(model)
        done = found.total - found.missing
        with meter_with_index(self.stderr, f"Building {model.name}", found.total, done=done) as progress:
            recount = _Recount(model, progress)
            with shutdown.on_signals(in_hand.give_back):
                worker.build(model, advance=recount.done, waiting=recount.left)

    def _report(self, switch: Switch) -> None:
        model, found = switch.model, switch.coverage
        former = f"{switch.previous.name} stays ready; `rollback` switches back." if switch.previous else ""
        self.stdout.write(f"{model.name} is active. {former}".rstrip())
        if found.missing:
            self.stdout.write(
                f"Workers now embed the {found.missing:,} of {found.total:,} pictures that it lacks. "
                f"{_some(uncovered_skus(model, NAMED), found.missing)}"
            )
        if index_due(model):
            self.stdout.write("Workers now build its index. Until then searches take longer.")
        if found.missing or index_due(model):
            nudges.nudge_bulk()
        self._name_failed(model, found)

    def _name_failed(self, model: EmbeddingModel, found: Coverage) -> None:
        if found.failed:
            why = ", ".join(f"{count:,} {code}" for code, count in sorted(found.failures.items()))
            self.stdout.write(
                f"{found.failed:,} pictures failed ({why}) and count as covered. "
                f"{_some(failed_skus(model, NAMED), found.failed)}"
            )

    @contextmanager
    def _download(self) -> Iterator[Callable[[int, int | None], None]]:
        """A progress bar that appears with the first byte."""
        bars: list[Meter] = []
        with ExitStack() as stack:

            def progress(done: int, total: int | None) -> None:
                if not bars:
                    bars.append(stack.enter_context(meter(self.stderr, "Downloading weights (kB)", 0)))
                bars[0].set(done // 1024, (total or done) // 1024)

            yield progress


class _Recount:
    """Updates a progress bar from the database now and then, because other processes may do the same work."""

    def __init__(self, model: EmbeddingModel, progress: Meter) -> None:
        self._model, self._progress = model, progress
        self._next = time.monotonic() + RECOUNT_SECONDS

    def done(self, count: int) -> None:
        if time.monotonic() < self._next:
            self._progress.advance(count)
            return
        self.left(claims.unfinished(self._model))
        self._next = time.monotonic() + RECOUNT_SECONDS

    def left(self, count: int) -> None:
        total = max(self._progress.total, self._progress.done + count)
        self._progress.set(total - count, total)


def _described(model: EmbeddingModel) -> dict[str, Any]:
    kept = model.state not in (ModelState.DRAFT, ModelState.RETIRED)
    found = coverage(model) if kept else None
    return {
        "name": model.name,
        "state": model.state,
        "source": model.source,
        "edition": edition.name if (edition := edition_of(model.weights_sha256)) else None,
        "backbone": model.backbone,
        "dimension": model.dimension,
        "input_size": model.input_size,
        "fit": model.fit,
        "pooling": model.pooling,
        "metric": model.metric,
        "views": model.views,
        "weights_sha256": model.weights_sha256,
        "coverage": None if found is None else floor(found.share * 1e6) / 1e6,
        "total": None if found is None else found.total,
        "ready": None if found is None else found.ready,
        "failed": None if found is None else found.failed,
        "index_bytes": index_bytes(model),
        "match_basis": model.calibration.get("kind"),
        "match_kind": model.calibration.get("kind"),  # the former name, until 1.0
        "calibration_error": model.calibration.get("error"),
        "activated_at": model.activated_at.isoformat() if model.activated_at else None,
    }


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    covered = "–"
    if model["coverage"] is not None:
        # Rounded down, so that only complete coverage shows 100 %.
        covered = f"{floor(model['coverage'] * 1000) / 10:g} %"
        covered += f", {model['failed']:,} failed" if model["failed"] else ""
    index = f"{model['index_bytes'] / 2**20:,.1f} MiB" if model["index_bytes"] else "–"
    activated = model["activated_at"][:16].replace("T", " ") if model["activated_at"] else "–"
    return (
        model["name"], model["state"], model["source"], model["backbone"], str(model["dimension"]),
        str(model["input_size"]), str(model["views"]), covered, index, activated,
    )  # fmt: skip


def _meaning(model: EmbeddingModel, made: Calibration) -> str:
    if made.basis == MatchBasis.RANK:
        return (
            f"{model.name}: `match` is a rank among {made.pairs:,} pairs, not a chance, because products lack labels "
            "(categories and colours)."
        )
    what = "the same type and colour" if made.colours else "the same type, because few products have a colour"
    error = "" if made.error is None else f" Calibration error on held-out neighbours: {made.error:.3f}."
    return f"{model.name}: `match` is the chance of {what}, from {made.pairs:,} pairs.{error}"


def _some(skus: list[str], count: int) -> str:
    """A sentence with the SKUs and the number of further pictures."""
    named = list(dict.fromkeys(skus))
    more = f" and {count - len(skus):,} more pictures" if count > len(skus) else ""
    return f"SKU {', '.join(named)}{more}." if named else ""
