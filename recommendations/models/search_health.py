"""Results of search checks, one row each, so that they survive restarts and show trends."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from recommendations.models.embedding_model import EmbeddingModel


class SearchHealth(models.Model):
    model = models.ForeignKey(EmbeddingModel, on_delete=models.CASCADE, related_name="checks")
    measured_at = models.DateTimeField(auto_now_add=True)
    lowest = models.FloatField(help_text=_("The lowest recall across all filters, 0 to 1."))
    report = models.JSONField(help_text=_("The output of check_recall --json."))

    class Meta:
        verbose_name = _("search check")
        verbose_name_plural = _("search checks")
        indexes = [models.Index(fields=["model", "-id"], name="search_health_latest")]  # recall_checks.latest

    def __str__(self) -> str:
        return f"{self.lowest:.3f} on {self.measured_at:%Y-%m-%d}"
