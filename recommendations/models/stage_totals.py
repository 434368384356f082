"""Time and pictures of each pipeline stage, totalled over all workers of all hosts since the shop began."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connection, models


class Stage(models.TextChoices):
    """`READ`, `DECODE` and `PREPROCESS` handle one picture at a time, the other stages a batch."""

    CLAIM = "claim"
    READ = "read"
    DECODE = "decode"
    PREPROCESS = "preprocess"
    INFERENCE = "inference"
    WRITE = "write"


class StageTimeQuerySet(models.QuerySet["StageTime"]):
    def add(self, times: Mapping[tuple[str, float], tuple[int, float]]) -> None:
        """Add `(count, seconds)` to each `(stage, le)` in one statement, which is exact under concurrency.

        Rows are sorted by key, so that two statements cannot deadlock.
        """
        rows = sorted((stage, le, *amount) for (stage, le), amount in times.items())
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO recommendations_stagetime AS kept (stage, le, count, seconds)
                SELECT * FROM unnest(%s::text[], %s::float8[], %s::bigint[], %s::float8[])
                    ON CONFLICT (stage, le) DO UPDATE
                   SET count = kept.count + EXCLUDED.count, seconds = kept.seconds + EXCLUDED.seconds
                """,
                [list(column) for column in zip(*rows, strict=True)],
            )


class StageTime(models.Model):
    stage = models.CharField(max_length=20, choices=Stage)
    le = models.FloatField(help_text="Upper limit of the bucket in seconds, inclusive.")
    count = models.BigIntegerField()
    seconds = models.FloatField(help_text="Total seconds in this bucket.")

    objects = StageTimeQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stage", "le"], name="one_time_per_stage_and_bucket")]

    def __str__(self) -> str:
        return f"{self.stage} ≤ {self.le:g} s: {self.count}"


class StagePicturesQuerySet(models.QuerySet["StagePictures"]):
    def add(self, pictures: Mapping[tuple[str, str], int]) -> None:
        """Add to each `(stage, outcome)`, as `StageTimeQuerySet.add` does."""
        rows = sorted((stage, outcome, count) for (stage, outcome), count in pictures.items())
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO recommendations_stagepictures AS kept (stage, outcome, count)
                SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[])
                    ON CONFLICT (stage, outcome) DO UPDATE SET count = kept.count + EXCLUDED.count
                """,
                [list(column) for column in zip(*rows, strict=True)],
            )


class StagePictures(models.Model):
    stage = models.CharField(max_length=20, choices=Stage)
    outcome = models.CharField(max_length=40, help_text="ok, or the code of the failure.")
    count = models.BigIntegerField()

    objects = StagePicturesQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stage", "outcome"], name="one_count_per_stage_and_outcome")]

    def __str__(self) -> str:
        return f"{self.stage} {self.outcome}: {self.count}"
