"""Where staff curate similar items: pins and vetoes on the product page, and rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from catalog.admin.products import ProductForm, thumbnail
from catalog.admin_widgets import SoundSelectMultiple
from catalog.models import Product
from recommendations.models import Effect, Pin, Rule, Veto
from recommendations.strips.curation import scope_of


class MerchandisedProductForm(ProductForm):
    """A product form with the products it is never shown with. The list is the same from both sides."""

    never_with = forms.ModelMultipleChoiceField(
        Product.objects,
        required=False,
        label=_("Never shown with"),
        help_text=_(
            "These products and this one never appear in each other's similar items. Overrides pins, and stays in "
            "place when pictures or models change."
        ),
        widget=SoundSelectMultiple(Veto._meta.get_field("b"), admin.site),
    )

    #: What the user may do with the list; see `veto_permissions`.
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
            raise forms.ValidationError(_("A product never appears in its own similar items."), code="itself")
        if wanted - self._vetoed and not self.may_add_vetoes:
            raise forms.ValidationError(_("Your account can remove products here but not add them."), code="may_not")
        if self._vetoed - wanted and not self.may_delete_vetoes:
            raise forms.ValidationError(_("Your account can add products here but not remove them."), code="may_not")
        return others


def vetoed_with(product: Product) -> set[int]:
    """Ids of the products that are never shown with this one."""
    pairs = Veto.objects.of(product.pk).values_list("a_id", "b_id")
    return {pk for pair in pairs for pk in pair} - {product.pk}


def veto_permissions(request: HttpRequest) -> set[str]:
    """The user's permissions on vetoes, out of "view", "add", "change" and "delete". Any of them shows the list, so
    that no user overwrites entries they cannot see. Writing needs "add" or "delete"."""
    actions = ("view", "add", "change", "delete")
    return {action for action in actions if request.user.has_perm(f"recommendations.{action}_veto")}


class PinFormSet(forms.BaseInlineFormSet):
    def get_unique_error_message(self, unique_check: Sequence[str]) -> str:
        return gettext("This product is pinned twice. Remove one of the pins.")


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
    verbose_name = _("pinned product")
    verbose_name_plural = _("pinned products, shown first in similar items")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pin]:
        pair = Q(a=OuterRef("product"), b=OuterRef("shown")) | Q(a=OuterRef("shown"), b=OuterRef("product"))
        pins = super().get_queryset(request).annotate(vetoed=Exists(Veto.objects.filter(pair)))
        return pins.select_related("shown").prefetch_related("shown__images")

    @admin.display(description=_("Picture"))
    def thumbnail(self, pin: Pin) -> str:
        return thumbnail(pin.shown.main_image if pin.shown_id else None)

    @admin.display(description=_("Status"))
    def availability(self, pin: Pin) -> str:
        if pin.shown_id is None:
            return "–"
        if getattr(pin, "vetoed", False):
            return gettext("Hidden: never shown with this product")
        if not pin.shown.published:
            return gettext("Hidden: not published")
        return (
            gettext("Shown") if pin.shown.in_stock else gettext("Sold out: shown only if the shop shows sold-out items")
        )


@admin.register(Rule)
class RuleAdmin(ModelAdmin):
    list_display = ["sentence", "shown_effect", "boost", "active"]
    list_filter = ["effect", "active"]
    list_select_related = ["category", "beside"]
    autocomplete_fields = ["category", "beside"]
    fieldsets = [
        (None, {"fields": ["effect", "boost", "active"]}),
        (_("Affected products"), {"fields": [("category", "brand")]}),
        (_("Product pages"), {"fields": ["beside"]}),
    ]

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not Product.objects.published().filter(scope_of(obj).conditions()).exists():
            warning = _("No published product matches this category and brand. Check the spelling of the brand.")
            self.message_user(request, warning, messages.WARNING)

    @admin.display(description=_("Rule"))
    def sentence(self, rule: Rule) -> str:
        return str(rule)

    @display(description=_("Effect"), ordering="effect", label={Effect.EXCLUDE: "danger", Effect.BOOST: "info"})
    def shown_effect(self, rule: Rule) -> tuple[str, str]:
        return rule.effect, rule.get_effect_display()
