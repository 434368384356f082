"""How often the positions of strips were seen and clicked, totalled by day. No row describes a single shopper."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple, Self

from django.db import connection, models


class Strip(models.TextChoices):
    SIMILAR = "similar"
    COLOUR = "colour"
    CHEAPER = "cheaper"
    REFINED = "refined"
    PERSONAL = "personal"
    PHOTO = "photo"


class Place(NamedTuple):
    """Attributes:
    model: its name; empty if no model took part.
    source: why the product was shown; see `recommendations.search.results.Source`.
    position: in the strip, from 1.
    """

    model: str
    strip: str
    source: str
    position: int


class StripCountQuerySet(models.QuerySet["StripCount"]):
    def add(self, day: date, counts: Mapping[Place, tuple[int, int]]) -> None:
        """Add `(seen, clicked)` to each place in one statement, which is exact under concurrency.

        Rows are sorted by place, so that two statements cannot deadlock.
        """
        places = sorted(counts)
        if not places:
            return
        models_, strips, sources, positions = zip(*places, strict=True)
        seen, clicked = zip(*(counts[place] for place in places), strict=True)
        columns = [list(column) for column in (models_, strips, sources, positions, seen, clicked)]
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO recommendations_stripcount AS kept "
                "(day, model, strip, source, position, seen, clicked) "
                "SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[], %s::int[], %s::int[]) "
                "ON CONFLICT (day, model, strip, source, position) "
                "DO UPDATE SET seen = kept.seen + excluded.seen, clicked = kept.clicked + excluded.clicked",
                [day, *columns],
            )

    def since(self, day: date) -> Self:
        return self.filter(day__gte=day)

    def before(self, day: date) -> Self:
        return self.filter(day__lt=day)


class StripCount(models.Model):
    day = models.DateField()
    model = models.CharField(
        max_length=100, blank=True, help_text="Name of the embedding model; empty if none took part."
    )
    strip = models.CharField(max_length=20, choices=Strip)
    source = models.CharField(max_length=20)
    position = models.PositiveSmallIntegerField()
    seen = models.PositiveIntegerField()
    clicked = models.PositiveIntegerField()

    objects = StripCountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(  # StripCountQuerySet: add, since, before
                fields=["day", "model", "strip", "source", "position"], name="one_count_per_day_and_place"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.strip} {self.position}: {self.clicked} of {self.seen}"
