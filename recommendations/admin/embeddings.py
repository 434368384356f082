"""The admin of embeddings, including their part of the product pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path
from django.utils.text import format_lazy
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from catalog.admin.products import ProductAdmin, ProductImageInline, thumbnail
from catalog.models import Product, ProductImage
from ml.weights import edition_of
from recommendations.admin import models_page
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
    @admin.display(
        description=_("No filter") if share == ALL else format_lazy(_("{share} within budget"), share=f"{share:.0%}")
    )
    def recall(row: SearchHealth) -> str:
        found = [each["recall"] for each in row.report["filters"] if each["share"] == share]
        return "–" if not found or found[0] is None else f"{found[0]:.3f}"

    return recall


class ReadOnlyAdmin(ModelAdmin):
    reason = _("These records are created automatically and are read-only.")

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
    """The product's pictures, and whether each one is among similar items yet."""

    fields = [*ProductImageInline.fields, "searchable"]
    readonly_fields = [*ProductImageInline.readonly_fields, "searchable"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProductImage]:
        rows = ImageEmbedding.objects.filter(model__state=ModelState.ACTIVE).defer("vector")
        return super().get_queryset(request).prefetch_related(Prefetch("embeddings", rows, to_attr="active_embeddings"))

    @admin.display(description=_("Similar items"))
    def searchable(self, image: ProductImage) -> str:
        rows = [row for row in image.active_embeddings if row.digest == image.digest]  # type: ignore[attr-defined]
        if not rows or rows[0].state in {EmbeddingState.PENDING, EmbeddingState.PROCESSING}:
            return gettext("Pending: appears in a moment")
        if rows[0].state == EmbeddingState.FAILED:
            return gettext("Failed, not in similar items: %(error)s [%(code)s]") % {
                "error": rows[0].error, "code": rows[0].error_code,
            }  # fmt: skip
        return gettext("Ready")


class SearchableProductAdmin(ProductAdmin):
    form = MerchandisedProductForm
    inlines = [SearchableImageInline, PinInline]
    fieldsets = [*ProductAdmin.fieldsets, (_("Similar items"), {"fields": ["never_with", "never_shown_with"]})]
    readonly_fields = ["never_shown_with"]

    @admin.display(description=_("Never shown with"))
    def never_shown_with(self, product: Product) -> str:
        """The list, for users who may view but not change it."""
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
    """The records are read-only. Buttons above the list add, build and activate; `manage.py embedding_models` does
    everything."""

    reason = _("Use the buttons above the list, or `manage.py embedding_models`.")
    list_before_template = "recommendations/_models_panel.html"

    list_display = [
        "name", "status", "origin", "backbone", "dimension", "input_size", "pooling", "views", "covered", "index",
        "activated_at",
    ]  # fmt: skip
    ordering = ["pk"]
    actions_list = ["compare"]

    def get_urls(self) -> list[URLPattern]:
        steps = {"bundled": models_page.add, "build": models_page.build, "activate": models_page.activate,
                 "dismiss": models_page.dismiss}  # fmt: skip
        return [
            *(
                path(
                    f"{name}/", self.admin_site.admin_view(require_POST(view)),
                    name=f"recommendations_embeddingmodel_{name}",
                )
                for name, view in steps.items()
            ),
            *super().get_urls(),
        ]  # fmt: skip

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "panel": models_page.panel(request)})

    @action(description=_("Compare two models"), url_path="compare", permissions=["view"])
    def compare(self, request: HttpRequest) -> HttpResponse:
        return comparison_page(request, self)

    @display(description=_("State"), ordering="state", label=MODEL_LABELS)
    def status(self, model: EmbeddingModel) -> tuple[str, str]:
        return model.state, model.get_state_display()

    @admin.display(description=_("Source"), ordering="source")
    def origin(self, model: EmbeddingModel) -> str:
        """The edition of a bundled model, because a shop may have several; in full if the name says something else."""
        edition = edition_of(model.weights_sha256)
        if edition is None:
            return model.get_source_display()
        if model.name.startswith(edition.model):
            return gettext("edition %(number)d") % {"number": edition.number}
        return edition.name

    @admin.display(description=_("Pictures"))
    def covered(self, model: EmbeddingModel) -> str:
        if model.state not in KEPT:
            return "–"
        found = coverage(model)
        counts = {name: f"{getattr(found, name):,}" for name in ("ready", "total", "failed")}
        if found.failed:
            return gettext("%(ready)s of %(total)s, %(failed)s failed") % counts
        return gettext("%(ready)s of %(total)s") % counts

    @admin.display(description=_("Index"))
    def index(self, model: EmbeddingModel) -> str:
        size = index_bytes(model)
        return filesizeformat(size) if size else "–"


@admin.register(SearchHealth)
class SearchHealthAdmin(ReadOnlyAdmin):
    """Recall@10 of the latest checks, by the share of the catalog that a budget keeps."""

    list_display = ["measured_at", "model", "verdict", *map(recall_column, SHARES)]
    list_filter = ["model"]
    list_select_related = ["model"]
    ordering = ["-pk"]

    @display(description=_("Search"), ordering="lowest", label={"sound": "success", "low": "danger"})
    def verdict(self, row: SearchHealth) -> tuple[str, str]:
        return ("low", gettext("Low recall")) if row.lowest < FLOOR else ("sound", gettext("Good"))


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
        return super().get_queryset(request).defer("vector")

    @admin.display(description="")
    def picture(self, row: ImageEmbedding) -> str:
        return thumbnail(row.image)

    @admin.display(description=_("Product"), ordering="image__product__title")
    def product(self, row: ImageEmbedding) -> str:
        return row.image.product.title

    @display(description=_("State"), ordering="state", label=LABELS)
    def status(self, row: ImageEmbedding) -> tuple[str, str]:
        return row.state, row.get_state_display()

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @action(description=_("Try again"), permissions=["retry"])
    def retry(self, request: HttpRequest, rows: QuerySet[ImageEmbedding]) -> None:
        count = claims.retry_rows(list(rows.values_list("pk", flat=True)))
        nudges.nudge_bulk()
        message = ngettext("%(count)s picture will be tried again.", "%(count)s pictures will be tried again.", count)
        self.message_user(request, message % {"count": f"{count:,}"})


@admin.register(Pipeline)
class PipelineAdmin(ReadOnlyAdmin):
    """One page and the actions of its buttons."""

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
