"""Where staff say what is shown beside a product: on its own page, and in rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from catalog.admin import ProductForm, thumbnail
from catalog.admin_widgets import SoundSelectMultiple
from catalog.models import Product
from recommendations.models import Effect, Pin, Rule, Veto
from recommendations.strips.curation import scope_of


class MerchandisedProductForm(ProductForm):
    """A product with those that it is never shown with: one list, seen from both sides."""

    never_with = forms.ModelMultipleChoiceField(
        Product.objects.defer("search"),
        required=False,
        label="Never shown with",
        help_text="Neither appears beside the other. This outweighs pins, and lasts when pictures or models change.",
        widget=SoundSelectMultiple(Veto._meta.get_field("b"), admin.site),
    )

    #: What the user may do to the list, see `veto_permissions`.
    may_add_vetoes = may_delete_vetoes = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._vetoed: set[int] = set()
        if self.instance.pk and "never_with" in self.fields:
            self._vetoed = vetoed_with(self.instance)
            self.initial["never_with"] = sorted(self._vetoed)

    def clean_never_with(self) -> QuerySet[Product]:
        others: QuerySet[Product] = self.cleaned_data["never_with"]
        wanted = {other.pk for other in others}
        if self.instance.pk in wanted:
            raise forms.ValidationError("A product is not shown beside itself anyway.", code="itself")
        if wanted - self._vetoed and not self.may_add_vetoes:
            raise forms.ValidationError("Your account may remove products here, not add any.", code="may_not")
        if self._vetoed - wanted and not self.may_delete_vetoes:
            raise forms.ValidationError("Your account may add products here, not remove any.", code="may_not")
        return others


def vetoed_with(product: Product) -> set[int]:
    """Ids of the products that are never shown with this one."""
    pairs = Veto.objects.of(product.pk).values_list("a_id", "b_id")
    return {pk for pair in pairs for pk in pair} - {product.pk}


def veto_permissions(request: HttpRequest) -> set[str]:
    """Of "view", "add", "change" and "delete". With any of them the list is seen, or a user would overwrite what
    she cannot see; it is written with "add" and "delete"."""
    actions = ("view", "add", "change", "delete")
    return {action for action in actions if request.user.has_perm(f"recommendations.{action}_veto")}


class PinFormSet(forms.BaseInlineFormSet):
    def get_unique_error_message(self, unique_check: Sequence[str]) -> str:
        return "The same product is pinned twice."


class PinInline(TabularInline):
    model = Pin
    fk_name = "product"
    formset = PinFormSet
    extra = 0
    hide_title = True
    fields = ["thumbnail", "shown", "position", "availability"]
    readonly_fields = ["thumbnail", "availability"]
    autocomplete_fields = ["shown"]
    ordering_field = "position"
    verbose_name = "pinned product"
    verbose_name_plural = "pinned: shown first among similar items"

    class Media:
        css = {"all": ["css/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pin]:
        pair = Q(a=OuterRef("product"), b=OuterRef("shown")) | Q(a=OuterRef("shown"), b=OuterRef("product"))
        pins = super().get_queryset(request).annotate(vetoed=Exists(Veto.objects.filter(pair)))
        return pins.select_related("shown").defer("shown__search").prefetch_related("shown__images")

    @admin.display(description="Picture")
    def thumbnail(self, pin: Pin) -> str:
        return thumbnail(pin.shown.main_image if pin.shown_id else None)

    @admin.display(description="Now")
    def availability(self, pin: Pin) -> str:
        if pin.shown_id is None:
            return "–"
        if getattr(pin, "vetoed", False):
            return "not shown: never to be shown with this product"
        if not pin.shown.published:
            return "not shown: unpublished"
        return "shown" if pin.shown.in_stock else "sold out: shown only where the shop shows what is sold out"


@admin.register(Rule)
class RuleAdmin(ModelAdmin):
    list_display = ["sentence", "kind", "boost", "active"]
    list_filter = ["effect", "active"]
    list_select_related = ["category", "beside"]
    autocomplete_fields = ["category", "beside"]
    fieldsets = [
        (None, {"fields": ["effect", "boost", "active"]}),
        ("Of what is shown", {"fields": [("category", "brand")]}),
        ("Where", {"fields": ["beside"]}),
    ]

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not Product.objects.published().filter(scope_of(obj).conditions()).exists():
            said = "No product on show is of this category and brand. Brands are written as on the product's page."
            self.message_user(request, said, messages.WARNING)

    @admin.display(description="Rule")
    def sentence(self, rule: Rule) -> str:
        return str(rule)

    @display(description="Effect", ordering="effect", label={Effect.EXCLUDE: "danger", Effect.BOOST: "info"})
    def kind(self, rule: Rule) -> tuple[str, str]:
        return rule.effect, rule.get_effect_display()
