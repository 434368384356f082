"""One picture under one model: the pipeline's record of work that is done or to do."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from catalog.models import ProductImage
from ml.pictures.codec import DECODER_VERSION
from recommendations.models.embedding_model import EmbeddingModel
from recommendations.querysets import ImageEmbeddingQuerySet


class EmbeddingState(models.TextChoices):
    PENDING = "pending", _("pending")
    PROCESSING = "processing", _("processing")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")


def current_decoder() -> int:
    return DECODER_VERSION


class ImageEmbedding(models.Model):
    image = models.ForeignKey(ProductImage, on_delete=models.CASCADE, related_name="embeddings")
    model = models.ForeignKey(EmbeddingModel, on_delete=models.CASCADE, related_name="embeddings")
    digest = models.CharField(max_length=64, help_text=_("SHA-256 of the picture's file."))
    state = models.CharField(max_length=10, choices=EmbeddingState, default=EmbeddingState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    vector = HalfVectorField(null=True, blank=True)
    decoder = models.PositiveSmallIntegerField(
        default=current_decoder,
        # What releases write that do not know the column, today's database included.
        db_default=2,
        help_text=_("Version of the decoder that the vector was made with."),
    )
    created_at = models.DateTimeField(
        auto_now_add=True, help_text=_("When the picture was added, replaced or last retried.")
    )
    embedded_at = models.DateTimeField(null=True, blank=True)

    objects = ImageEmbeddingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image", "model"], name="one_embedding_per_image_and_model"),
            models.CheckConstraint(
                condition=~Q(state=EmbeddingState.READY) | Q(vector__isnull=False, embedded_at__isnull=False),
                name="ready_has_vector",
            ),
            models.CheckConstraint(
                condition=~Q(state=EmbeddingState.FAILED) | ~Q(error_code=""), name="failed_has_reason"
            ),
            models.CheckConstraint(
                condition=~Q(state=EmbeddingState.PROCESSING) | Q(lease_expires_at__isnull=False),
                name="processing_has_lease",
            ),
        ]
        indexes = [
            models.Index(  # claims.claim_batch
                fields=["model", "id"],
                condition=Q(state__in=["pending", "processing"]),
                name="embedding_unfinished",
            ),
            models.Index(  # coverage.waiting_s
                fields=["model", "created_at"],
                condition=Q(state__in=["pending", "processing"]),
                name="embedding_waiting",
            ),
            models.Index(  # coverage.embedded_lately
                fields=["model", "embedded_at"], condition=Q(state="ready"), name="embedding_done"
            ),
            models.Index(  # coverage.latest_failures, claims.retry_reason
                fields=["model", "error_code", "id"], condition=Q(state="failed"), name="embedding_failed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.image_id}: {self.state}"
