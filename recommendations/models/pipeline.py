"""A proxy model that lists the pipeline page in the admin and gives it permissions."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from recommendations.models.image_embedding import ImageEmbedding


class Pipeline(ImageEmbedding):
    """View permission shows the page; change permission also pauses the pipeline and retries failed pictures."""

    class Meta:
        proxy = True
        verbose_name = verbose_name_plural = _("pipeline")
        default_permissions = ("view", "change")
