"""What a check of the search found: one row each, so that a restart forgets nothing and a trend shows."""

from __future__ import annotations

from django.db import models

from recommendations.models.embedding_model import EmbeddingModel


class SearchHealth(models.Model):
    model = models.ForeignKey(EmbeddingModel, on_delete=models.CASCADE, related_name="checks")
    measured_at = models.DateTimeField(auto_now_add=True)
    lowest = models.FloatField(help_text="The lowest recall of all filters, 0 to 1.")
    report = models.JSONField(help_text="As `check_recall --json` writes it.")

    class Meta:
        verbose_name = "check of the search"
        verbose_name_plural = "checks of the search"
        indexes = [models.Index(fields=["model", "-id"], name="search_health_latest")]  # recall_checks.latest

    def __str__(self) -> str:
        return f"{self.lowest:.3f} on {self.measured_at:%Y-%m-%d}"
