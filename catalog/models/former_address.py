"""Addresses that products and categories had before: their pages, and the API, redirect to where they are now.

Postgres writes these rows itself (triggers of migration `former_addresses`), so that no way to change a slug can forget
to: the admin, the API, imports, bulk updates and SQL. A row names the product or category, not its next address, so
there are no chains and no loops. An address that is in use again is never looked up here.
"""

from __future__ import annotations

from django.db import models

from catalog.models.category import Category
from catalog.models.product import Product


class FormerProductSlug(models.Model):
    slug = models.CharField(max_length=255, primary_key=True)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")

    class Meta:
        default_permissions = ()
        verbose_name = "former address"
        verbose_name_plural = "former addresses"

    def __str__(self) -> str:
        return self.slug


class FormerCategoryAddress(models.Model):
    address = models.CharField(max_length=255, primary_key=True)
    category = models.ForeignKey(Category, on_delete=models.CASCADE, related_name="+")

    class Meta:
        default_permissions = ()
        verbose_name = "former address"
        verbose_name_plural = "former addresses"

    def __str__(self) -> str:
        return self.address


def product_moved_from(slug: str) -> Product | None:
    """The published product that had this slug; None if another product has it now."""
    if Product.objects.filter(slug=slug).exists():
        return None
    return Product.objects.published().filter(
        pk__in=FormerProductSlug.objects.filter(slug=slug).values("product")
    ).only("pk", "slug").first()  # fmt: skip


def category_at(address: str) -> Category | None:
    """The category with this address, or the one that had it."""
    found = Category.objects.filter(address=address).first()
    return found or Category.objects.filter(
        pk__in=FormerCategoryAddress.objects.filter(address=address).values("category")
    ).first()  # fmt: skip
