"""The admin of the category tree."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, F, Func, Q, QuerySet, Value
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from treebeard.forms import MoveNodeForm, movenodeform_factory
from unfold.admin import ModelAdmin

from catalog.locks import lock_tree
from catalog.models import Category, Product
from catalog.models.category import in_tree_order

PRODUCTS_NAMED = 10  # when a category cannot be deleted


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
