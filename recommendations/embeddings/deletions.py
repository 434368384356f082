"""Deleting a picture while a worker makes its row."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import pre_delete

from catalog.models import ProductImage


def connect() -> None:
    pre_delete.connect(lock_picture, sender=ProductImage, dispatch_uid="recommendations.lock_picture")


def lock_picture(instance: ProductImage, **_: Any) -> None:
    """Before its embeddings go, in the same transaction: nobody may add one between their deletion and its own, or
    the commit would be refused. The worker who tries waits, and then finds the picture gone (`claims`)."""
    list(ProductImage.objects.select_for_update().filter(pk=instance.pk).values_list("pk"))
