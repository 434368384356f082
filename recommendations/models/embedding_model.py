"""A way to turn pictures into vectors. Vectors of different models are never compared."""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import Case, Q, Value, When

from ml.spec import ModelSpec


class ModelState(models.TextChoices):
    DRAFT = "draft"
    BUILDING = "building"
    READY = "ready"
    ACTIVE = "active"
    RETIRED = "retired"


#: States whose vectors are kept complete, in the order in which workers see to them: shoppers see the active
#: model; a ready one may become it at any moment; a build has all the pictures before it and takes what is left.
KEPT = (ModelState.ACTIVE, ModelState.READY, ModelState.BUILDING)


_ACTIVE = "SELECT * FROM recommendations_embeddingmodel WHERE state = %s"


class WeightsSource(models.TextChoices):
    FILE = "file", "weights file"
    BUNDLED = "bundled", "bundled fashion weights"
    IMAGENET = "imagenet", "ImageNet"
    UNTRAINED = "untrained", "untrained"


class EmbeddingModelQuerySet(models.QuerySet["EmbeddingModel"]):
    def active(self) -> EmbeddingModel | None:
        """The model that pages and searches use; None before the first one exists."""
        # Every search begins with this; Django would take longer to write the statement than all the rest of it takes.
        return next(iter(self.raw(_ACTIVE, [ModelState.ACTIVE])), None)

    def kept(self) -> Self:
        """Those that every picture gets a vector of, the active one first."""
        turn = Case(*(When(state=state, then=Value(place)) for place, state in enumerate(KEPT)))
        return self.filter(state__in=KEPT).order_by(turn, "pk")


class EmbeddingModel(models.Model):
    name = models.CharField(max_length=100, unique=True)
    source = models.CharField(max_length=20, choices=WeightsSource)
    weights = models.TextField(
        blank=True, help_text="What finds the weights again: a file, imagenet or untrained. Empty: the best there is."
    )
    backbone = models.CharField(max_length=40)
    weights_sha256 = models.CharField(max_length=64)
    graph_sha256 = models.CharField(max_length=64, help_text="SHA-256 of the exported network.")
    input_size = models.PositiveSmallIntegerField()
    fit = models.CharField(max_length=20)
    pooling = models.CharField(max_length=20)
    dimension = models.PositiveSmallIntegerField()
    metric = models.CharField(max_length=20, default="cosine")
    spec_meta = models.JSONField(
        default=dict,
        blank=True,
        help_text="All that the network says of its vectors, parts and labels included. Empty: what the columns say.",
    )
    calibration = models.JSONField(
        default=dict,
        blank=True,
        help_text="What its cosines mean in this shop. Empty: not yet known.",
    )
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

    @staticmethod
    def fields_of(spec: ModelSpec) -> dict[str, Any]:
        """`spec` as column values: what queries and the admin read by itself, and the whole in `spec_meta`."""
        return {
            "backbone": spec.backbone,
            "input_size": spec.input_size,
            "fit": spec.fit,
            "pooling": spec.pooling,
            "dimension": spec.dimension,
            "metric": spec.metric,
            "spec_meta": spec.to_meta(),
        }

    @property
    def spec(self) -> ModelSpec:
        if self.spec_meta:
            return ModelSpec.from_meta(self.spec_meta)
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
