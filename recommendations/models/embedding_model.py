"""A way to turn pictures into vectors. Vectors of different models are never compared."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ml.spec import ModelSpec


class ModelState(models.TextChoices):
    DRAFT = "draft"
    BUILDING = "building"
    READY = "ready"
    ACTIVE = "active"
    RETIRED = "retired"


class WeightsSource(models.TextChoices):
    FILE = "file", "weights file"
    BUNDLED = "bundled", "bundled fashion weights"
    IMAGENET = "imagenet", "ImageNet"
    UNTRAINED = "untrained", "untrained"


class EmbeddingModelQuerySet(models.QuerySet["EmbeddingModel"]):
    def active(self) -> EmbeddingModel | None:
        """The model that pages and searches use; None before the first one exists."""
        return self.filter(state=ModelState.ACTIVE).first()


class EmbeddingModel(models.Model):
    name = models.CharField(max_length=100, unique=True)
    source = models.CharField(max_length=20, choices=WeightsSource)
    backbone = models.CharField(max_length=40)
    weights_sha256 = models.CharField(max_length=64)
    graph_sha256 = models.CharField(max_length=64, help_text="SHA-256 of the exported network.")
    input_size = models.PositiveSmallIntegerField()
    fit = models.CharField(max_length=20)
    pooling = models.CharField(max_length=20)
    dimension = models.PositiveSmallIntegerField()
    metric = models.CharField(max_length=20, default="cosine")
    state = models.CharField(max_length=10, choices=ModelState, default=ModelState.DRAFT)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True)

    objects = EmbeddingModelQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state=ModelState.ACTIVE), name="at_most_one_active_model"
            ),
            models.CheckConstraint(condition=Q(dimension__gte=1, dimension__lte=4000), name="dimension_indexable"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def spec(self) -> ModelSpec:
        return ModelSpec(
            backbone=self.backbone,
            input_size=self.input_size,
            fit=self.fit,
            pooling=self.pooling,
            dimension=self.dimension,
            metric=self.metric,
        )

    @property
    def untrained(self) -> bool:
        return self.source == WeightsSource.UNTRAINED

    @property
    def index_name(self) -> str:
        return f"embedding_hnsw_model_{self.pk}"
