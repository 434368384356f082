"""Deletes a picture safely while a worker creates its row."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import pre_delete

from catalog.models import ProductImage


def connect() -> None:
    pre_delete.connect(lock_picture, sender=ProductImage, dispatch_uid="recommendations.lock_picture")


def lock_picture(instance: ProductImage, **_: Any) -> None:
    """Lock the picture before its embeddings are deleted, in the same transaction: a row added between the two
    deletions would make the commit fail. A worker that tries to add one waits, then finds the picture gone
    (`claims`)."""
    list(ProductImage.objects.select_for_update().filter(pk=instance.pk).values_list("pk"))
