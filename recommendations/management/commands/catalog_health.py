"""Measures how well look-alikes cover the catalog, which no single page shows."""

from __future__ import annotations

from argparse import ArgumentParser
from json import dumps
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from common.arguments import not_negative, positive
from common.progress import meter
from ml.files.tables import Writer
from recommendations.embeddings.coverage import coverage
from recommendations.management.arguments import chosen_model, count, share
from recommendations.management.tables import table
from recommendations.monitoring.catalog_health import NAMED, CatalogHealth, catalog_health, current_vectors


class Command(BaseCommand):
    help = (
        "Compare every product with every other one: how much of the catalog appears among look-alikes, which products "
        "never appear, which have no close look-alike, and which appear everywhere."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "-k", type=count, default=10, metavar="N", help="length of each list (default: %(default)s)"
        )
        parser.add_argument("--model", metavar="NAME", help="embedding model (default: the active one)")
        parser.add_argument("--sample", type=positive, metavar="N", help="use only the lists of N random products")
        parser.add_argument("--seed", type=not_negative, default=0, metavar="N", help="seed of the random sample")
        parser.add_argument(
            "--close",
            type=share,
            metavar="C",
            help="lowest cosine of a close look-alike (default: estimated from this catalog)",
        )
        parser.add_argument("--csv", type=Path, metavar="FILE", help="write the figures of every product to FILE")
        parser.add_argument("--json", action="store_true", help="machine-readable output")

    def handle(self, *, k: int, csv: Path | None, json: bool, sample: int | None, **options: Any) -> None:
        model = chosen_model(options["model"])
        with meter(self.stderr, "Reading vectors", coverage(model).ready) as reading:
            owners, vectors = current_vectors(model, reading.advance)
        with meter(self.stderr, "Comparing", min(sample or len(owners), len(np.unique(owners)))) as comparing:
            found = catalog_health(
                model,
                owners,
                vectors,
                k,
                sample=sample,
                close=options["close"],
                seed=options["seed"],
                advance=comparing.advance,
            )
        if csv is not None:
            try:
                _write(csv, found)
            except OSError as error:
                raise CommandError(f"Cannot write {csv}: {error.strerror}.") from error
        self.stdout.write(dumps(found.to_json(), indent=2, ensure_ascii=False) if json else _readable(found))


def _readable(found: CatalogHealth) -> str:
    report = found.to_json()
    lists = f"{len(found.asked):,}, of {found.k} look-alikes each"
    lines = [
        f"Model     {found.model.name}",
        f"Published {found.published:,} products, {len(found.products):,} with a vector from this model",
        f"Lists     {lists}",
    ]
    if not len(found.products):
        return "\n".join(lines)
    if found.complete:
        lines += [
            f"Coverage  {found.coverage:.2%} of published products appear in a list",
            f"Orphans   {len(found.orphans):,} have a vector but appear in no list",
        ]
    else:
        lines.append("Coverage  and orphans need every list: omit --sample")
    lines += [
        f"Lonely    {len(found.lonely):,} of these have no look-alike with a cosine of {found.close:.3f} or more",
        f"Hubs      {len(found.hubs):,} appear in {found.hub_lists:.0f} lists or more; skewness {found.skewness:.2f}",
    ]
    for title, part in (("orphans", report["orphans"]), ("lonely", report["lonely"]), ("hubs", report["hubs"])):
        if part and part["count"]:
            head = (title, "title", "nearest", "score", "lists")
            lines += ["", table([head, *map(_row, part["products"])], numbers=2)]
            if part["count"] > NAMED:
                lines.append(f"… and {part['count'] - NAMED:,} more; --csv writes all of them.")
    return "\n".join(lines)


def _row(product: dict[str, Any]) -> tuple[str, ...]:
    score = "" if product["score"] is None else f"{product['score']:.3f}"
    return (product["sku"], product["title"][:40], product["nearest"] or "", score, f"{product['lists']:,}")


def _write(path: Path, found: CatalogHealth) -> None:
    """Write every product, the most frequent first."""
    flags = {name: set(getattr(found, name).tolist()) for name in ("lonely", "hubs")}
    order = np.argsort(-found.lists, kind="stable")
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = Writer(stream)
        writer.writerow(["sku", "title", "lists", "nearest", "score", "orphan", "lonely", "hub"])
        for product in found.named(order):
            score = "" if product.score is None else f"{product.score:.4f}"
            orphan = "" if not found.complete else int(product.lists == 0)
            lonely, hub = (int(product.position in flags[name]) for name in ("lonely", "hubs"))
            writer.writerow(
                [product.sku, product.title, product.lists, product.nearest_sku or "", score, orphan, lonely, hub]
            )
