"""The page that changes the selected products: a form, then what it would do, then the change."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from catalog.admin_widgets import SoundSelect
from catalog.attributes import NAME_LENGTH, TEXT_LENGTH, text_of
from catalog.bulk_changes import ENDINGS, Change, ChangedSince, NewPrice, Plan, Planned, plan, store
from catalog.models import Category, Product
from catalog.storefront.prices import price_text

ACTION = "change_selected"
MOST = 1000  # products at once: one request locks, checks and stores them all
SHOWN = 10  # of the changed and of the refused products, before the change
LIKE = [("", _("Leave as it is"))]


class ChangeForm(forms.Form):
    published = forms.ChoiceField(
        choices=[*LIKE, ("yes", _("Publish")), ("no", _("Unpublish"))], required=False, label=_("Published"),
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    category = forms.ModelChoiceField(
        Category.objects, required=False, label=_("Category"), help_text=_("Leave empty to change nothing."),
        widget=SoundSelect(Product._meta.get_field("category"), admin.site),
    )  # fmt: skip
    price = forms.ChoiceField(
        choices=[*LIKE, ("percent", _("Change by percent")), ("amount", _("Set to an amount"))],
        required=False, label=_("Price"), widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    number = forms.DecimalField(
        required=False, max_digits=10, decimal_places=2, label=_("Percent or amount"),
        help_text=_("−20 lowers prices by a fifth. Products without a price keep none."),
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )  # fmt: skip
    ending = forms.ChoiceField(
        choices=[("", _("As computed")), *((str(each), f"…{str(each)[1:]}") for each in ENDINGS)],
        required=False, label=_("Round prices to"), widget=UnfoldAdminSelectWidget,
        help_text=_("Only for a change by percent, and for currencies with cents."),
    )  # fmt: skip
    keep_former = forms.BooleanField(
        required=False, label=_("Show the price before a reduction struck through"), widget=UnfoldBooleanWidget
    )
    stock = forms.IntegerField(
        required=False, min_value=0, max_value=2**31 - 1, label=_("Stock"),
        help_text=_("Leave empty to change nothing."), widget=UnfoldAdminIntegerFieldWidget,
    )  # fmt: skip
    attribute = forms.CharField(
        required=False, max_length=NAME_LENGTH, label=_("Attribute"), help_text=_("Its name, for example colour."),
        widget=UnfoldAdminTextInputWidget,
    )  # fmt: skip
    text = forms.CharField(
        required=False, max_length=TEXT_LENGTH, label=_("Its text"), help_text=_("Leave empty to remove it."),
        widget=UnfoldAdminTextInputWidget,
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        how, number = cleaned["price"], cleaned["number"]
        if how and number is None:
            self.add_error("number", forms.ValidationError(_("Enter a number."), "missing"))
        elif number is not None and not how:
            message = _("Choose whether this is a percentage or the new price.")
            self.add_error("price", forms.ValidationError(message, "missing"))
        elif how == "percent" and number is not None and number <= -100:
            message = _("A price can fall by less than 100 percent.")
            self.add_error("number", forms.ValidationError(message, "too_low"))
        elif how == "amount" and number is not None and number < 0:
            self.add_error("number", forms.ValidationError(_("A price cannot be negative."), "too_low"))
        if cleaned["text"] and not cleaned["attribute"]:
            message = _("Enter the name of the attribute.")
            self.add_error("attribute", forms.ValidationError(message, "missing"))
        if not self.errors and self.change() == Change():
            raise forms.ValidationError(_("Nothing to change yet. Fill in at least one field."), "nothing")
        return cleaned

    def change(self) -> Change:
        """What the form asks for. Only after `is_valid`."""
        given = self.cleaned_data
        price = None
        if given["price"] == "amount":
            price = NewPrice(amount=given["number"], keep_former=given["keep_former"])
        elif given["price"]:
            ending = Decimal(given["ending"]) if given["ending"] else None
            price = NewPrice(percent=given["number"], ending=ending, keep_former=given["keep_former"])
        return Change(
            published=None if not given["published"] else given["published"] == "yes",
            category=given["category"],
            price=price,
            stock=given["stock"],
            attribute=(given["attribute"], given["text"]) if given["attribute"] else None,
        )


def bulk_page(
    request: HttpRequest, model_admin: admin.ModelAdmin[Product], queryset: QuerySet[Product]
) -> HttpResponse | None:
    """Answer the action. None returns to the list.

    The form is asked for, then the plan is shown, then `digest` of that plan confirms it.
    """
    count = queryset.count()
    if count > MOST:
        sentence = gettext("Change at most {limit} products at once. Narrow the list with a filter first.")
        messages.error(request, sentence.format(limit=f"{MOST:,}"))
        return None
    step = request.POST.get("change", "form")
    given = {name: request.POST.get(name, "") for name in ChangeForm.base_fields}
    form = ChangeForm(initial=given) if step == "form" else ChangeForm(request.POST)
    made: Plan | None = None
    if form.is_valid():
        change = form.change()
        if step == "store":
            try:
                made = store(change, queryset, request.POST.get("digest", ""))
            except ChangedSince:
                messages.warning(
                    request,
                    gettext("Some of these products have changed in the meantime. Nothing was stored. Check again."),
                )
            else:
                _log(request, made)
                _tell(request, made)
                return None
        made = plan(change, queryset.order_by("pk").select_related("category"))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": gettext("Change products"),
        "opts": model_admin.opts,
        "model_admin": model_admin,
        "form": form,
        "plan": made,
        "changed": [_shown(each) for each in made.changed[:SHOWN]] if made else [],
        "refused": made.refused[:SHOWN] if made else [],
        "count": count,
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "across": request.POST.get("select_across", "0"),
        "checkbox": ACTION_CHECKBOX_NAME,
        "action": ACTION,
        "given": given.items() if made else [],
    }
    return TemplateResponse(request, "catalog/admin_bulk.html", context)


def _tell(request: HttpRequest, made: Plan) -> None:
    count = len(made.changed)
    message = ngettext("%(count)s product was changed.", "%(count)s products were changed.", count)
    messages.success(request, message % {"count": f"{count:,}"})
    for each in made.refused[:SHOWN]:
        messages.warning(request, f"{each.product.title} ({each.product.sku}): {each.refused}")


def _log(request: HttpRequest, made: Plan) -> None:
    """Into the history of each product, with the values before and after."""
    products = ContentType.objects.get_for_model(Product)
    entries = [
        LogEntry(
            user_id=request.user.pk,  # type: ignore[misc]
            content_type=products,
            object_id=str(each.product.pk),
            object_repr=str(each.product)[:200],
            action_flag=CHANGE,
            change_message="; ".join(f"{label}: {before} → {after}" for label, before, after in _shown(each)[1]),
        )
        for each in made.changed
    ]
    LogEntry.objects.bulk_create(entries, batch_size=500)


def _shown(each: Planned) -> tuple[Product, list[tuple[str, str, str]]]:
    """The product, and label, former and new value of each difference, for people."""
    rows = []
    for name, values in each.differences.items():
        if name == "attributes":
            before, after = values
            for key in [*before, *(key for key in after if key not in before)]:
                if before.get(key) != after.get(key):
                    rows.append((key, *(text_of(side[key]) if key in side else "–" for side in values)))
        else:
            label = str(Product._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
            rows.append((label.capitalize(), *(_text(name, value, each.product.currency) for value in values)))
    return each.product, rows


def _text(name: str, value: Any, currency: str) -> str:
    if name == "published":
        return gettext("Yes") if value else gettext("No")
    if value is None:
        return "–"
    return price_text(value, currency) if name in {"price", "compare_at_price"} else str(value)
