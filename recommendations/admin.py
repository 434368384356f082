"""What staff see and do about embeddings, also on the catalog's own pages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from catalog.admin import ProductAdmin, ProductImageInline, thumbnail
from catalog.models import Product, ProductImage
from recommendations import claims, nudges
from recommendations.models import EmbeddingModel, EmbeddingState, ImageEmbedding

LABELS = {
    EmbeddingState.READY: "success",
    EmbeddingState.PENDING: "info",
    EmbeddingState.PROCESSING: "info",
    EmbeddingState.FAILED: "danger",
}


class ReadOnlyAdmin(ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SearchableImageInline(ProductImageInline):
    """The catalog's pictures, with whether they can be found by their looks."""

    fields = [*ProductImageInline.fields, "searchable"]
    readonly_fields = [*ProductImageInline.readonly_fields, "searchable"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProductImage]:
        return super().get_queryset(request).prefetch_related("embeddings__model")

    @admin.display(description="Similar items")
    def searchable(self, image: ProductImage) -> str:
        rows = [row for row in image.embeddings.all() if row.model.state == "active" and row.digest == image.digest]
        if not rows or rows[0].state in {EmbeddingState.PENDING, EmbeddingState.PROCESSING}:
            return "waiting: will appear in a moment"
        if rows[0].state == EmbeddingState.FAILED:
            return f"failed, not among similar items: {rows[0].error} [{rows[0].error_code}]"
        return "ready"


class SearchableProductAdmin(ProductAdmin):
    inlines = [SearchableImageInline]


admin.site.unregister(Product)
admin.site.register(Product, SearchableProductAdmin)


@admin.register(EmbeddingModel)
class EmbeddingModelAdmin(ReadOnlyAdmin):
    list_display = ["name", "state", "source", "dimension", "input_size", "pooling", "activated_at"]


@admin.register(ImageEmbedding)
class ImageEmbeddingAdmin(ReadOnlyAdmin):
    list_display = ["picture", "product", "status", "error_code", "error", "attempts", "embedded_at"]
    list_filter = ["state", "error_code", "model"]
    list_select_related = ["image__product"]
    list_per_page = 50
    show_full_result_count = False
    exclude = ["vector"]
    actions = ["retry"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImageEmbedding]:
        return super().get_queryset(request).defer("vector", "image__product__search")

    @admin.display(description="")
    def picture(self, row: ImageEmbedding) -> str:
        return thumbnail(row.image)

    @admin.display(description="Product", ordering="image__product__title")
    def product(self, row: ImageEmbedding) -> str:
        return row.image.product.title

    @display(description="State", ordering="state", label=LABELS)
    def status(self, row: ImageEmbedding) -> str:
        return row.state

    @action(description="Try again")
    def retry(self, request: HttpRequest, rows: QuerySet[ImageEmbedding]) -> None:
        count = claims.retry_rows(list(rows.values_list("pk", flat=True)))
        nudges.nudge_bulk()
        self.message_user(request, f"{count} pictures will be tried again.")
