"""The shop's back office."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest
from django.utils.html import format_html
from treebeard.forms import MoveNodeForm, movenodeform_factory
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminFileFieldWidget

from catalog.admin_addresses import SoundInitialMixin
from catalog.attributes import parse_attributes, validate_attributes
from catalog.models import Category, Product, ProductImage
from catalog.services import (
    AcceptedImage,
    StorageUnavailable,
    accept_image,
    announce_images,
    attach_image,
    read_upload,
)
from catalog.templatetags.money import money
from ml.decoding import DecoderUnavailable
from ml.images import ImageRejected


class PicturesInput(UnfoldAdminFileFieldWidget):
    allow_multiple_selected = True


class PicturesField(forms.FileField):
    """Several pictures at once. Cleans to what `attach_image` takes: each has been decoded completely, once."""

    widget = PicturesInput

    def clean(self, data: Any, initial: Any = None) -> list[AcceptedImage]:
        uploads: list[UploadedFile] = data if isinstance(data, list) else [data] if data else []
        pictures, problems = [], []
        for upload in uploads:
            try:
                pictures.append(accept_image(read_upload(upload)))
            except ImageRejected as error:
                problems.append(forms.ValidationError(f"{upload.name}: {error.message}", code=error.code))
            except DecoderUnavailable as error:
                problems.append(forms.ValidationError(str(error), code="busy"))
        if problems:
            raise forms.ValidationError(problems)
        return pictures


class AttributesField(forms.JSONField):
    """JSON as staff type it. What is wrong is shown again as it was typed, with what is wrong about it."""

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
        label="Add pictures",
        help_text="JPEG, PNG, WebP, GIF or AVIF; several at once. They become searchable within seconds.",
        widget=PicturesInput(attrs={"accept": "image/*", "multiple": True}),
    )

    class Meta:
        model = Product
        fields = [
            "title", "sku", "slug", "category", "brand", "description", "price", "compare_at_price", "currency",
            "stock", "published", "attributes",
        ]  # fmt: skip
        field_classes = {"attributes": AttributesField}


class ProductImageInline(TabularInline):
    model = ProductImage
    extra = 0
    fields = ["thumbnail", "position", "alt", "size"]
    readonly_fields = ["thumbnail", "size"]
    ordering_field = "position"
    verbose_name = "picture"
    verbose_name_plural = "pictures"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # new ones come through "Add pictures"

    @admin.display(description="Picture")
    def thumbnail(self, image: ProductImage) -> str:
        return thumbnail(image)

    @admin.display(description="Size")
    def size(self, image: ProductImage) -> str:
        return f"{image.width} × {image.height}"


def thumbnail(image: ProductImage | None) -> str:
    """A small picture on white; a file that is gone breaks only its own place."""
    if image is None:
        return "–"
    return format_html(
        '<img src="{}" alt="{}" width="48" height="64" loading="lazy" class="object-contain bg-white rounded">',
        image.file.url,
        image.alt,
    )


@admin.register(Product)
class ProductAdmin(SoundInitialMixin, ModelAdmin):
    form = ProductForm
    inlines = [ProductImageInline]
    list_display = ["picture", "title", "sku", "category", "shown_price", "stock", "published"]
    list_display_links = ["picture", "title"]
    list_filter = ["published", "category"]
    list_per_page = 50
    search_fields = ["title", "sku", "brand"]
    autocomplete_fields = ["category"]
    show_full_result_count = False
    fieldsets = [
        (None, {"fields": ["title", ("sku", "category"), "new_pictures", "description"]}),
        ("Price and stock", {"fields": [("price", "compare_at_price"), ("currency", "stock"), "published"]}),
        ("More", {"fields": [("brand", "slug"), "attributes"], "classes": ["collapse"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return super().get_queryset(request).select_related("category").prefetch_related("images")

    @admin.display(description="")
    def picture(self, product: Product) -> str:
        return thumbnail(product.main_image)

    @admin.display(description="Price", ordering="price")
    def shown_price(self, product: Product) -> str:
        return money(product.price, product.currency) or "on request"

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        self._add_pictures(request, form.instance, form.cleaned_data["new_pictures"])

    def _add_pictures(self, request: HttpRequest, product: Product, pictures: Iterable[AcceptedImage]) -> None:
        added = []
        for accepted in pictures:
            try:
                added.append(attach_image(product=product, accepted=accepted).pk)
            except ImageRejected as error:
                self.message_user(request, error.message, messages.WARNING)
            except StorageUnavailable as error:
                self.message_user(request, str(error), messages.ERROR)
                break
        if added:
            announce_images(added, interactive=True)


class CategoryForm(MoveNodeForm):
    class Meta:
        model = Category
        fields = ["name", "slug"]

    def clean(self) -> dict[str, Any]:
        """The address is made from the tree, so the form has to look whether it is free."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            beside = cleaned.get("treebeard_ref_node")
            is_child = cleaned.get("treebeard_position") == "sorted-child"
            parent = beside if beside is None or is_child else Category.objects.get_parent(beside)
            planned = Category(name=cleaned["name"], slug=cleaned.get("slug", ""))
            address = planned.address_below(parent)
            others = Category.objects.filter(address=address).exclude(pk=self.instance.pk)
            if len(address) > 255 or others.exists():
                reason = (
                    "There is such a category at this place already." if others.exists() else "Too deep in the tree."
                )
                self.add_error("name", forms.ValidationError(reason, code="bad_address"))
        return cleaned


@admin.register(Category)
class CategoryAdmin(SoundInitialMixin, ModelAdmin):
    form = movenodeform_factory(Category, form=CategoryForm)
    list_display = ["indented", "address"]
    search_fields = ["name", "address"]
    ordering = ["path"]

    def has_delete_permission(self, request: HttpRequest, obj: Category | None = None) -> bool:
        """Not while it, or a category below it, holds products: deleting a node takes its subtree along."""
        occupied = obj is not None and Product.objects.in_subtree(obj).exists()
        return super().has_delete_permission(request, obj) and not occupied

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting several at once would not ask about each."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.display(description="Name")
    def indented(self, category: Category) -> str:
        return "\u2003" * (category.depth - 1) + category.name

    def save_model(self, request: HttpRequest, obj: Category, form: Any, change: bool) -> None:
        """The form has moved and saved the node; addresses below it follow."""
        for category in [Category.objects.get(pk=obj.pk), *Category.objects.get_descendants(obj)]:
            category.save()
