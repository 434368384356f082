"""The admin of products and their pictures."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ORDER_VAR
from django.core.files.uploadedfile import UploadedFile
from django.db.models import F, Func, Model, QuerySet, Value
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from catalog import refusals
from catalog.admin import bulk_page
from catalog.attributes import parse_attributes, validate_attributes
from catalog.models import Product, ProductImage
from catalog.search.finding import find
from catalog.search.statements import among
from catalog.services import (
    AcceptedImage,
    StorageUnavailable,
    accept_image,
    announce_images,
    attach_image,
    read_upload,
)
from catalog.storefront.prices import price_text
from ml.pictures.codec import ImageRejected
from ml.pictures.decoding import DecoderUnavailable

logger = logging.getLogger(__name__)


class PicturesInput(UnfoldAdminFileFieldWidget):
    allow_multiple_selected = True


class PicturesField(forms.FileField):
    """Several pictures at once. Cleans to pictures for `attach_image`: each has been decoded completely, once."""

    widget = PicturesInput

    def clean(self, data: Any, initial: Any = None) -> list[AcceptedImage]:
        uploads: list[UploadedFile] = data if isinstance(data, list) else [data] if data else []
        pictures, problems = [], []
        for upload in uploads:
            try:
                pictures.append(accept_image(read_upload(upload, door=refusals.ADMIN), door=refusals.ADMIN))
            except ImageRejected as error:
                problems.append(forms.ValidationError(f"{upload.name}: {error.message}", code=error.code))
            except DecoderUnavailable as error:
                logger.warning("No picture was decoded: %s", error.details)
                problems.append(forms.ValidationError(str(error), code="busy"))
        if problems:
            raise forms.ValidationError(problems)
        return pictures


class AttributesField(forms.JSONField):
    """JSON that staff type. Invalid JSON is shown again as typed, with the error."""

    def to_python(self, value: Any) -> Any:
        if self.disabled:
            return value
        attributes = parse_attributes(value) if value and value.strip() else {}
        validate_attributes(attributes)
        return attributes

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial if self.disabled else InvalidJSONInput(data or "")


class ProductForm(forms.ModelForm):
    new_pictures = PicturesField(
        required=False,
        label=_("Add pictures"),
        help_text=_("JPEG, PNG, WebP, GIF or AVIF. Choose one or more; they become searchable within seconds."),
        widget=PicturesInput(attrs={"accept": "image/*", "multiple": True}),
    )

    class Meta:
        model = Product
        fields = [
            "title", "sku", "slug", "category", "brand", "description", "price", "compare_at_price", "currency",
            "stock", "published", "condition", "size", "gtin", "url", "attributes",
        ]  # fmt: skip
        field_classes = {"attributes": AttributesField}
        labels = {"slug": _("Address")}
        help_texts = {
            "slug": _(
                "The last part of the product page's address. Leave empty to make it from the title and SKU. If you "
                "change it, the former address redirects here."
            )
        }


class ProductImageInline(TabularInline):
    model = ProductImage
    extra = 0
    fields = ["thumbnail", "position", "alt", "size"]
    readonly_fields = ["thumbnail", "size"]
    ordering_field = "position"
    verbose_name = _("picture")
    verbose_name_plural = _("pictures")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # staff add pictures with "Add pictures"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Users who may add pictures also see them."""
        return super().has_view_permission(request, obj) or may_add_pictures(request)

    @admin.display(description=_("Picture"))
    def thumbnail(self, image: ProductImage) -> str:
        return thumbnail(image)

    @admin.display(description=_("Size"))
    def size(self, image: ProductImage) -> str:
        return f"{image.width} × {image.height}"


def may_add_pictures(request: HttpRequest) -> bool:
    return request.user.has_perm("catalog.add_productimage")


def thumbnail(image: ProductImage | None) -> str:
    """A small picture on white. A missing file breaks only its own image."""
    if image is None:
        return "–"
    return format_html(
        '<img src="{}" alt="{}" width="48" height="64" loading="lazy" class="object-contain bg-white rounded">',
        image.thumbnail_url,
        image.alt_text,
    )


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    form = ProductForm
    inlines = [ProductImageInline]
    list_display = ["picture", "title", "sku", "category", "shown_price", "stock", "published"]
    list_display_links = ["picture", "title"]
    list_filter = ["published", "category"]
    list_per_page = 50
    search_fields = ["title", "sku", "brand", "gtin"]
    autocomplete_fields = ["category"]
    show_full_result_count = False
    actions = [bulk_page.ACTION]
    fieldsets = [
        (
            None,
            {"fields": ["title", ("sku", "category"), "slug", ("condition", "size"), "new_pictures", "description"]},
        ),
        (_("Price and stock"), {"fields": [("price", "compare_at_price"), ("currency", "stock"), "url", "published"]}),
        (_("More"), {"fields": [("brand", "gtin"), "attributes"], "classes": ["collapse"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return super().get_queryset(request).select_related("category").prefetch_related("images")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Product], search_term: str
    ) -> tuple[QuerySet[Product], bool]:
        """The shop's own search, in the order of the results unless the user sorted a column."""
        if not search_term.strip():
            return queryset, False
        found = find(search_term, queryset)  # type: ignore[arg-type]
        matching = queryset.filter(among(found.ids)) if found.more is None else found.more
        if request.GET.get(ORDER_VAR):
            return matching.order_by(*queryset.query.order_by), False
        if found.more is None:
            matching = matching.order_by(Func(Value(found.ids), F("pk"), function="array_position"))
        return matching, False

    def withheld_fields(self, request: HttpRequest, obj: Model | None = None) -> set[str]:
        """Extra form fields that write other models and that this user may not write."""
        may_edit = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return set() if may_edit and may_add_pictures(request) else {"new_pictures"}

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        withheld = self.withheld_fields(request, obj)
        fieldsets = [
            (title, {**options, "fields": without(options["fields"], withheld)})
            for title, options in super().get_fieldsets(request, obj)
        ]
        return [(title, options) for title, options in fieldsets if options["fields"]]

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Without the withheld fields. A field that is only hidden would still accept data."""
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), dict.fromkeys(self.withheld_fields(request, obj)))

    @action(description=_("Change selected products"), permissions=["change"])
    def change_selected(self, request: HttpRequest, queryset: QuerySet[Product]) -> HttpResponse | None:
        return bulk_page.bulk_page(request, self, queryset)

    @admin.display(description=_("Picture"))
    def picture(self, product: Product) -> str:
        return thumbnail(product.main_image)

    @admin.display(description=_("Price"), ordering="price")
    def shown_price(self, product: Product) -> str:
        return price_text(product.price, product.currency) or gettext("on request")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        self._add_pictures(request, form.instance, form.cleaned_data.get("new_pictures", ()))

    def _add_pictures(self, request: HttpRequest, product: Product, pictures: Iterable[AcceptedImage]) -> None:
        added = []
        for accepted in pictures:
            try:
                with refusals.logged(refusals.ADMIN, accepted.data):
                    added.append(attach_image(product=product, accepted=accepted).pk)
            except ImageRejected as error:
                self.message_user(request, error.message, messages.WARNING)
            except StorageUnavailable as error:
                self.message_user(request, str(error), messages.ERROR)
                break
        if added:
            announce_images(added, interactive=True)


def without(fields: Iterable[Any], names: Collection[str]) -> list[Any]:
    """A fieldset's fields without `names`. Fields on one line are a tuple."""
    lines = [tuple(without(each, names)) if isinstance(each, list | tuple) else each for each in fields]
    return [line for line in lines if line and line not in names]
