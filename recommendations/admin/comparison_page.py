"""The page where staff compare two models before switching."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib.admin.options import BaseModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from recommendations.admin.models_page import CHANGE
from recommendations.embeddings.coverage import coverage
from recommendations.models import EmbeddingModel, ModelState
from recommendations.monitoring.model_comparison import compare, products_of, sample_products

MOST_SKUS = 20  # a page of more would take seconds
SAMPLES = (4, 8, 16)
LENGTHS = (6, 10, 20)


def sample_choices() -> list[tuple[int, str]]:
    return [(size, ngettext("%d product", "%d products", size) % size) for size in SAMPLES]


class ModelChoice(forms.ModelChoiceField):
    widget = UnfoldAdminSelectWidget

    def label_from_instance(self, model: EmbeddingModel) -> str:
        state = model.get_state_display()
        if model.state != ModelState.BUILDING:
            return gettext("%(model)s (%(state)s)") % {"model": model.name, "state": state}
        # Rounded down, so that only a complete build shows 100 %.
        percent = int(100 * coverage(model).share)
        return gettext("%(model)s (%(state)s, %(percent)d %% of the pictures)") % {
            "model": model.name, "state": state, "percent": percent,
        }  # fmt: skip


class ComparisonForm(forms.Form):
    first = ModelChoice(EmbeddingModel.objects.kept(), label=_("Model"), empty_label=None)
    second = ModelChoice(EmbeddingModel.objects.kept(), label=_("Compare with"), empty_label=None)
    sku = forms.CharField(
        label=_("Products (SKUs)"),
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": _("Leave empty for a random sample")}),
    )
    sample = forms.TypedChoiceField(
        label=_("Random sample"),
        coerce=int,
        choices=sample_choices,
        widget=UnfoldAdminSelectWidget,
    )
    k = forms.TypedChoiceField(
        label=_("Look-alikes"), coerce=int, choices=[(k, k) for k in LENGTHS], widget=UnfoldAdminSelectWidget
    )
    seed = forms.IntegerField(min_value=0, max_value=2**31, widget=forms.HiddenInput)

    def clean_sku(self) -> list[str]:
        skus = re.split(r"[\s,;]+", self.cleaned_data["sku"].strip())
        if len(skus) > MOST_SKUS:
            raise forms.ValidationError(_("Enter at most %(most)s SKUs."), params={"most": MOST_SKUS})
        return [sku for sku in skus if sku]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("first") and cleaned.get("first") == cleaned.get("second"):
            self.add_error("second", _("Choose two different models."))
        return cleaned


def comparison_page(request: HttpRequest, model_admin: BaseModelAdmin) -> HttpResponse:
    """By default, compare the active model with the newest other one."""
    request.current_app = model_admin.admin_site.name
    context = {
        **model_admin.admin_site.each_context(request),
        "title": gettext("Compare two models"),
        "opts": EmbeddingModel._meta,
        "model_admin": model_admin,
        **_found(request),
    }
    return TemplateResponse(request, "recommendations/compare.html", context)


def _found(request: HttpRequest) -> dict[str, Any]:
    models = list(EmbeddingModel.objects.kept())
    if len(models) < 2:
        return {"only": models[0] if models else None, "too_few": True}
    form = ComparisonForm({**_defaults(models), **request.GET.dict()})
    if not form.is_valid():
        return {"form": form}
    chosen = form.cleaned_data
    first, second = chosen["first"], chosen["second"]
    if chosen["sku"]:
        products, unknown = products_of(chosen["sku"])
    else:
        products, unknown = sample_products(first, second, chosen["sample"], chosen["seed"]), []
    return {
        "form": form,
        "comparison": compare(first, second, products, chosen["k"]),
        "unknown": unknown,
        "another": None if chosen["sku"] else _another(form),
        "switch_to": _switch_to(first, second) if request.user.has_perm(CHANGE) else None,
        "incomplete": [(model, found) for model in (first, second) if (found := coverage(model)).missing],
    }


def _switch_to(first: EmbeddingModel, second: EmbeddingModel) -> EmbeddingModel | None:
    """The ready one, if the other is active: the comparison is what a switch is decided by."""
    states = {model.state: model for model in (first, second)}
    return states.get(ModelState.READY) if ModelState.ACTIVE in states else None


def _defaults(models: list[EmbeddingModel]) -> dict[str, Any]:
    newest = max(models[1:], key=lambda model: model.pk)
    k = settings.SIMILAR_PRODUCTS if settings.SIMILAR_PRODUCTS in LENGTHS else LENGTHS[0]
    return {"first": models[0].pk, "second": newest.pk, "sku": "", "sample": SAMPLES[0], "k": k, "seed": 0}


def _another(form: ComparisonForm) -> str:
    """The address of the same comparison with other random products."""
    chosen = form.cleaned_data
    return "?" + urlencode(
        {
            "first": chosen["first"].pk, "second": chosen["second"].pk, "sample": chosen["sample"], "k": chosen["k"],
            "seed": chosen["seed"] + 1,
        }
    )  # fmt: skip
