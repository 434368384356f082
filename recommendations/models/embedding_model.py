"""Embedding models turn pictures into vectors. Vectors of different models are never compared."""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import Case, Q, Value, When
from django.utils.translation import gettext_lazy as _

from ml.spec import ModelSpec


class ModelState(models.TextChoices):
    DRAFT = "draft", _("draft")
    BUILDING = "building", _("building")
    READY = "ready", _("ready")
    ACTIVE = "active", _("active")
    RETIRED = "retired", _("retired")


#: States whose vectors are kept complete, in the order in which workers serve them. Shoppers see the active model, a
#: ready one may become active at any moment, and a build gets what time is left.
KEPT = (ModelState.ACTIVE, ModelState.READY, ModelState.BUILDING)


_ACTIVE = "SELECT * FROM recommendations_embeddingmodel WHERE state = %s"


class WeightsSource(models.TextChoices):
    FILE = "file", _("weights file")
    BUNDLED = "bundled", _("bundled")
    IMAGENET = "imagenet", _("ImageNet")
    UNTRAINED = "untrained", _("untrained")


class EmbeddingModelQuerySet(models.QuerySet["EmbeddingModel"]):
    def active(self) -> EmbeddingModel | None:
        """The model that pages and searches use; None before the first one exists."""
        # Every search starts here, and building the statement with the ORM takes longer than running it.
        return next(iter(self.raw(_ACTIVE, [ModelState.ACTIVE])), None)

    def kept(self) -> Self:
        """Models that every picture gets a vector from, the active one first."""
        turn = Case(*(When(state=state, then=Value(place)) for place, state in enumerate(KEPT)))
        return self.filter(state__in=KEPT).order_by(turn, "pk")


class EmbeddingModel(models.Model):
    name = models.CharField(max_length=100, unique=True)
    source = models.CharField(max_length=20, choices=WeightsSource)
    weights = models.TextField(
        blank=True,
        help_text=_("Where the weights come from: an edition of a bundled model, a file, imagenet or untrained."),
    )
    backbone = models.CharField(max_length=40)
    weights_sha256 = models.CharField(max_length=64)
    graph_sha256 = models.CharField(max_length=64, help_text=_("SHA-256 of the artifact."))
    input_size = models.PositiveSmallIntegerField()
    fit = models.CharField(max_length=20)
    pooling = models.CharField(max_length=20)
    dimension = models.PositiveSmallIntegerField()
    metric = models.CharField(max_length=20, default="cosine")
    views = models.PositiveSmallIntegerField(
        default=1,
        db_default=1,
        help_text=_("Views of each catalog picture that are embedded and averaged: 1, 2 or 4."),
    )
    spec_meta = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("The artifact's full metadata, including parts and labels. If empty, the columns apply."),
    )
    calibration = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("What this model's scores mean in this shop. Empty until calibrated."),
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
        """`spec` as column values: single columns for queries and the admin, and all of it in `spec_meta`."""
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
