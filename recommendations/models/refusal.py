"""Hosts that would compute wrong vectors, and so compute none."""

from __future__ import annotations

from django.db import models

from recommendations.models.embedding_model import EmbeddingModel


class Refusal(models.Model):
    """One for each host and model. The host deletes it when its vectors are right again."""

    host = models.CharField(max_length=200)
    model = models.ForeignKey(EmbeddingModel, on_delete=models.CASCADE, related_name="refusals")
    reason = models.TextField()
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "model"], name="one_refusal_a_host_and_model")]

    def __str__(self) -> str:
        return f"{self.host} does not run {self.model.name}: {self.reason}"
