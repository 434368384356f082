"""Fills a test's shop, in the words of a shopkeeper."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any

import numpy as np
from django.utils import timezone

from catalog import services
from catalog.models import Category, Product, ProductImage
from recommendations.models import EmbeddingModel, EmbeddingState, ImageEmbedding
from tests.pictures import picture

_numbers = count(1)


class Shopkeeper:
    def category(self, path: str = "clothes") -> Category:
        """The category at this address; missing ones are created with their parents."""
        found = Category.objects.filter(address=path).first()
        if found is not None:
            return found
        parent, _, name = path.rpartition("/")
        fresh = Category(name=name.replace("-", " ").capitalize())
        if not parent:
            return Category.objects.add_root(instance=fresh)
        return Category.objects.add_child(self.category(parent), instance=fresh)

    def product(self, title: str = "Red dress", *, category: str = "clothes", **fields: Any) -> Product:
        fields.setdefault("price", Decimal("20.00"))
        fields.setdefault("stock", 5)
        fields.setdefault("sku", f"S{next(_numbers)}")
        return Product.objects.create(title=title, category=self.category(category), **fields)

    def image(self, product: Product, data: bytes | None = None) -> ProductImage:
        return services.add_image(product=product, data=data or picture(seed=next(_numbers)))

    def embedded(self, model: EmbeddingModel, title: str, *vectors: list[float], **fields: Any) -> Product:
        """A product with one picture for each vector; the vectors are scaled to unit length."""
        product = self.product(title, **fields)
        for vector in vectors:
            image = self.image(product)
            unit = np.asarray(vector, dtype=np.float64) / np.linalg.norm(vector)
            ImageEmbedding.objects.create(
                image=image,
                model=model,
                digest=image.digest,
                state=EmbeddingState.READY,
                vector=unit.tolist(),
                embedded_at=timezone.now(),
            )
        return product
