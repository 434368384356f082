"""The admin's page about the pipeline is listed, and permitted to staff, like a model of its own."""

from __future__ import annotations

from recommendations.models.image_embedding import ImageEmbedding


class Pipeline(ImageEmbedding):
    """Who may view it sees the page; who may change it tries failed pictures again."""

    class Meta:
        proxy = True
        verbose_name = verbose_name_plural = "pipeline"
        default_permissions = ("view", "change")
