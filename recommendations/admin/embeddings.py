"""What staff see and do about embeddings, also on the catalog's own pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST, require_safe
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from catalog.admin import ProductAdmin, ProductImageInline, thumbnail
from catalog.models import Product, ProductImage
from recommendations.admin.comparison_page import comparison_page
from recommendations.admin.merchandising import MerchandisedProductForm, PinInline, veto_permissions, vetoed_with
from recommendations.admin.pipeline_page import PERMISSION, pipeline_page, retry, switch
from recommendations.embeddings import claims
from recommendations.embeddings.coverage import coverage
from recommendations.embeddings.indexes import index_bytes
from recommendations.models import (
    KEPT,
    EmbeddingModel,
    EmbeddingState,
    ImageEmbedding,
    ModelState,
    Pipeline,
    SearchHealth,
)
from recommendations.monitoring.budgets import ALL
from recommendations.monitoring.recall import FLOOR, SHARES
from recommendations.pipeline import nudges
from recommendations.strips import curation

LABELS = {
    EmbeddingState.READY: "success",
    EmbeddingState.PENDING: "info",
    EmbeddingState.PROCESSING: "info",
    EmbeddingState.FAILED: "danger",
}


MODEL_LABELS = {
    ModelState.ACTIVE: "success",
    ModelState.READY: "info",
    ModelState.BUILDING: "warning",
}


def recall_column(share: float) -> Callable[[SearchHealth], str]:
    @admin.display(description="No filter" if share == ALL else f"Budget for {share:.0%}")
    def recall(row: SearchHealth) -> str:
        found = [each["recall"] for each in row.report["filters"] if each["share"] == share]
        return "–" if not found or found[0] is None else f"{found[0]:.3f}"

    return recall


class ReadOnlyAdmin(ModelAdmin):
    reason = "The shop writes these rows by itself. They can be looked at, not changed."

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        raise PermissionDenied(self.reason)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        raise PermissionDenied(self.reason)

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
        rows = ImageEmbedding.objects.filter(model__state=ModelState.ACTIVE).defer("vector")
        return super().get_queryset(request).prefetch_related(Prefetch("embeddings", rows, to_attr="active_embeddings"))

    @admin.display(description="Similar items")
    def searchable(self, image: ProductImage) -> str:
        rows = [row for row in image.active_embeddings if row.digest == image.digest]  # type: ignore[attr-defined]
        if not rows or rows[0].state in {EmbeddingState.PENDING, EmbeddingState.PROCESSING}:
            return "waiting: will appear in a moment"
        if rows[0].state == EmbeddingState.FAILED:
            return f"failed, not among similar items: {rows[0].error} [{rows[0].error_code}]"
        return "ready"


class SearchableProductAdmin(ProductAdmin):
    form = MerchandisedProductForm
    inlines = [SearchableImageInline, PinInline]
    fieldsets = [*ProductAdmin.fieldsets, ("Similar items", {"fields": ["never_with", "never_shown_with"]})]
    readonly_fields = ["never_shown_with"]

    @admin.display(description="Never shown with")
    def never_shown_with(self, product: Product) -> str:
        """The list for those who may see it and not change it."""
        titles = Product.objects.filter(pk__in=vetoed_with(product)).values_list("title", flat=True)
        return ", ".join(titles) or "–"

    def withheld_fields(self, request: HttpRequest, obj: Model | None = None) -> set[str]:
        may = veto_permissions(request)
        may_edit = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        if may_edit and may & {"add", "delete"}:
            shown = {"never_with"}
        else:
            shown = {"never_shown_with"} if may and obj else set()
        return super().withheld_fields(request, obj) | ({"never_with", "never_shown_with"} - shown)

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        may = veto_permissions(request)
        form.may_add_vetoes, form.may_delete_vetoes = "add" in may, "delete" in may
        return form

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        if "never_with" in form.cleaned_data:
            curation.set_vetoes(form.instance, form.cleaned_data["never_with"])
        super().save_related(request, form, formsets, change)


admin.site.unregister(Product)
admin.site.register(Product, SearchableProductAdmin)


@admin.register(EmbeddingModel)
class EmbeddingModelAdmin(ReadOnlyAdmin):
    """To look at; `manage.py embedding_models` changes them, as most steps take minutes."""

    reason = "Models are added, switched and retired with `manage.py embedding_models`."

    list_display = [
        "name", "status", "source", "backbone", "dimension", "input_size", "pooling", "covered", "index",
        "activated_at",
    ]  # fmt: skip
    ordering = ["pk"]
    actions_list = ["compare"]

    @action(description="Compare two models", url_path="compare", permissions=["view"])
    def compare(self, request: HttpRequest) -> HttpResponse:
        return comparison_page(request, self)

    @display(description="State", ordering="state", label=MODEL_LABELS)
    def status(self, model: EmbeddingModel) -> str:
        return model.state

    @admin.display(description="Pictures")
    def covered(self, model: EmbeddingModel) -> str:
        if model.state not in KEPT:
            return "–"
        found = coverage(model)
        failed = f", {found.failed:,} failed" if found.failed else ""
        return f"{found.ready:,} of {found.total:,}{failed}"

    @admin.display(description="Index")
    def index(self, model: EmbeddingModel) -> str:
        size = index_bytes(model)
        return filesizeformat(size) if size else "–"


@admin.register(SearchHealth)
class SearchHealthAdmin(ReadOnlyAdmin):
    """Recall@10 of the last checks, by how much of the catalog a budget leaves."""

    list_display = ["measured_at", "model", "verdict", *map(recall_column, SHARES)]
    list_filter = ["model"]
    list_select_related = ["model"]
    ordering = ["-pk"]

    @display(description="Search", ordering="lowest", label={"sound": "success", "low": "danger"})
    def verdict(self, row: SearchHealth) -> str:
        return "low" if row.lowest < FLOOR else "sound"


@admin.register(ImageEmbedding)
class ImageEmbeddingAdmin(ReadOnlyAdmin):
    list_display = ["picture", "product", "model", "status", "error_code", "error", "attempts", "embedded_at"]
    list_filter = ["state", "error_code", "model"]
    list_select_related = ["image__product", "model"]
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

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @action(description="Try again", permissions=["retry"])
    def retry(self, request: HttpRequest, rows: QuerySet[ImageEmbedding]) -> None:
        count = claims.retry_rows(list(rows.values_list("pk", flat=True)))
        nudges.nudge_bulk()
        self.message_user(request, f"{count} pictures will be tried again.")


@admin.register(Pipeline)
class PipelineAdmin(ReadOnlyAdmin):
    """One page, and what its buttons do."""

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "", self.admin_site.admin_view(require_safe(self.changelist_view)),
                name="recommendations_pipeline_changelist",
            ),
            path(
                "retry/", self.admin_site.admin_view(require_POST(retry)),
                name="recommendations_pipeline_retry",
            ),
            path(
                "switch/", self.admin_site.admin_view(require_POST(switch)),
                name="recommendations_pipeline_switch",
            ),
        ]  # fmt: skip

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return pipeline_page(request, self)
