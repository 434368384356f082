"""The switch that holds the pipeline: a row while it is paused, none while it runs."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Pause(models.Model):
    """`claims.claim_batch` asks for it in the statement that claims, so that it holds for every worker at once."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    since = models.DateTimeField(auto_now_add=True)
    by = models.CharField(max_length=150, blank=True, help_text="Who paused it, where that is known.")
    reason = models.CharField(max_length=200, blank=True)
    bulk_only = models.BooleanField(default=False, help_text="Uploads are embedded all the same.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="at_most_one_pause")]

    def __str__(self) -> str:
        what = "Paused, but for uploads," if self.bulk_only else "Paused"
        by = f" by {self.by}" if self.by else ""
        reason = f": {self.reason.rstrip('.')}." if self.reason else "."
        return f"{what} since {self.since:%Y-%m-%d %H:%M} UTC{by}{reason}"
