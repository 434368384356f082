"""The admin of products and categories."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from functools import reduce
from operator import or_
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ORDER_VAR
from django.contrib.postgres.fields import ArrayField
from django.core.files.uploadedfile import UploadedFile
from django.db.models import BigIntegerField, F, Func, Model, Q, QuerySet, Value
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from treebeard.forms import MoveNodeForm, movenodeform_factory
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminFileFieldWidget

from catalog import refusals
from catalog.attributes import parse_attributes, validate_attributes
from catalog.locks import lock_tree
from catalog.models import Category, Product, ProductImage
from catalog.models.category import in_tree_order
from catalog.search import admin as search_admin  # noqa: F401  (registers its models)
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
PRODUCTS_NAMED = 10  # when a category cannot be deleted


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


def tree_order() -> list[Any]:
    """Order a query by the category tree, siblings by name. The tree's own order depends on the database's locale."""
    ids = in_tree_order(Category.objects.only("path", "depth", "name"))
    return [Func(Value(ids, ArrayField(BigIntegerField())), F("pk"), function="array_position"), "path"]


class CategoryForm(MoveNodeForm):
    class Meta:
        model = Category
        fields = ["name", "slug"]
        help_texts = {
            "slug": _(
                "The last part of the address. Leave empty to make it from the name. If you change it, this category's "
                "former address and those of its subcategories redirect here."
            )
        }

    def _set_ref_model_queryset(self, opts: Any, instance: Category | None) -> None:
        super()._set_ref_model_queryset(opts, instance)
        field = self.fields["treebeard_ref_node"]
        field.queryset = field.queryset.order_by(*tree_order())

    def clean(self) -> dict[str, Any]:
        """The address comes from the tree, so the form checks that it is free."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            beside = cleaned.get("treebeard_ref_node")
            is_child = cleaned.get("treebeard_position") == "sorted-child"
            parent = beside if beside is None or is_child else Category.objects.get_parent(beside)
            planned = Category(name=cleaned["name"], slug=cleaned.get("slug", ""))
            address = planned.address_below(parent)
            others = Category.objects.filter(address=address).exclude(pk=self.instance.pk)
            # Its subcategories move with it, and their addresses grow by the same length.
            below = Category.objects.filter(address__startswith=f"{self.instance.address}/") if self.instance.pk else []
            longest = max((len(each.address) for each in below), default=len(self.instance.address))
            too_long = len(address) + longest - len(self.instance.address) > 255
            if too_long or others.exists():
                taken, too_deep = _("This category already exists here."), _("This category is nested too deeply.")
                reason = taken if others.exists() else too_deep
                self.add_error("name", forms.ValidationError(reason, code="bad_address"))
        return cleaned


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    form = movenodeform_factory(Category, form=CategoryForm)
    list_display = ["indented", "address"]
    search_fields = ["name", "address"]

    def get_ordering(self, request: HttpRequest) -> Any:
        """The tree, siblings by name. Used for the list, for autocompletion and for the filter of products."""
        return tree_order()

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Includes subcategories. A category with products cannot be deleted."""
        doomed = Category.objects.filter(reduce(or_, (Q(path__startswith=each.path) for each in objs), Q(pk=None)))
        products = Product.objects.filter(category__in=doomed)
        count = products.count()
        if not count:
            return super().get_deleted_objects(doomed, request)
        named = [f"{product.title} ({product.sku})" for product in products[:PRODUCTS_NAMED]]
        rest = count - len(named)
        more = [ngettext("… and %(count)s more", "… and %(count)s more", rest) % {"count": f"{rest:,}"}] if rest else []
        remedy = gettext("First move these products to another category, or delete them:")
        return [str(each) for each in doomed], {}, set(), [remedy, *named, *more]

    def delete_model(self, request: HttpRequest, obj: Category) -> None:
        lock_tree()
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Category]) -> None:
        lock_tree()
        super().delete_queryset(request, queryset)

    def _changeform_view(self, request: HttpRequest, *args: Any) -> Any:
        """Lock the tree within the transaction, before the form reads it."""
        if request.method == "POST":
            lock_tree()
        return super()._changeform_view(request, *args)

    @admin.display(description=_("Name"))
    def indented(self, category: Category) -> str:
        return "\u2003" * (category.depth - 1) + category.name

    def save_model(self, request: HttpRequest, obj: Category, form: Any, change: bool) -> None:
        """The form has moved the node, but saves it only with a new name or place. Update the addresses below it."""
        stored = Category.objects.get(pk=obj.pk)
        stored.name, stored.slug = obj.name, obj.slug
        stored.save()
        for category in Category.objects.get_descendants(stored):
            category.save()
