"""How far the vectors of a model have been brought to the current decoder."""

from __future__ import annotations

from django.db import models

from recommendations.models.embedding_model import EmbeddingModel


class Renewal(models.Model):
    """One for each model; `recommendations.embeddings.renewals` reads and writes it.

    Attributes:
        decoder: the version that vectors are brought to.
        after: id of the last embedding that this pass has dealt with.
        upto: id of the last embedding that was ever begun; up to it, embeddings are taken one at a time if `tries` says
            that a process died.
        tries: how often work after `after` was begun and not finished.
        ended_at: when the last pass came to its end; None during a pass.
    """

    model = models.OneToOneField(EmbeddingModel, on_delete=models.CASCADE, related_name="renewal")
    decoder = models.PositiveSmallIntegerField()
    after = models.BigIntegerField(default=0)
    upto = models.BigIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.model_id}: decoder {self.decoder}, after {self.after}"
