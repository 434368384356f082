"""Curation: pins, vetoes and rules. They name products, never vectors, so they survive new pictures and new models."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.models import Category, Product

#: The largest boost, as a cosine: more than the boosts for the same category and gender together.
MOST_BOOST = 0.2


class Pin(models.Model):
    """`shown` comes first in the strip of `product`, ordered by `position`."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="pins")
    shown = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+", verbose_name=_("product to show"))
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "shown"],
                name="pinned_once",
                violation_error_message=_("This product is already pinned here."),
            ),
            models.CheckConstraint(condition=~Q(product=F("shown")), name="pin_of_another_product"),
        ]

    def __str__(self) -> str:
        return gettext("%(shown)s pinned to %(product)s") % {"shown": self.shown, "product": self.product}

    def clean(self) -> None:
        if self.product_id is None or self.shown_id is None:
            return
        if self.product_id == self.shown_id:
            raise ValidationError({"shown": _("A product cannot be pinned to itself.")}, code="itself")
        # A pin that is vetoed later stays, hidden. Otherwise a veto on one product would keep another from being saved.
        if self._state.adding and Veto.objects.between(self.product_id, self.shown_id).exists():
            message = _("These products are never shown together. Remove that setting first.")
            raise ValidationError({"shown": message}, code="vetoed")


class VetoQuerySet(models.QuerySet["Veto"]):
    def of(self, product_id: int) -> VetoQuerySet:
        return self.filter(Q(a=product_id) | Q(b=product_id))

    def between(self, one: int, other: int) -> VetoQuerySet:
        return self.filter(a=min(one, other), b=max(one, other))


class Veto(models.Model):
    """Neither product ever appears in the strip of the other. Written by `curation.set_vetoes`."""

    a = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    b = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")

    objects = VetoQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["a", "b"], name="vetoed_once"),
            models.CheckConstraint(condition=Q(a__lt=F("b")), name="veto_names_the_smaller_id_first"),
        ]

    def __str__(self) -> str:
        return gettext("%(a)s and %(b)s never together") % {"a": self.a, "b": self.b}


class Effect(models.TextChoices):
    EXCLUDE = "exclude", _("Exclude")
    BOOST = "boost", _("Boost")


class Rule(models.Model):
    """Excludes or boosts the products of a category, of a brand, or of a brand within a category, in strips."""

    effect = models.CharField(max_length=10, choices=Effect)
    boost = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(-MOST_BOOST), MaxValueValidator(MOST_BOOST)],
        help_text=format_lazy(
            _("For boosts only. Added to the similarity score: from {lowest} (later) to {highest} (earlier)."),
            lowest=-MOST_BOOST,
            highest=MOST_BOOST,
        ),
    )
    category = models.ForeignKey(
        Category,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("category"),
        help_text=_("Includes its subcategories. Leave empty for any category."),
    )
    brand = models.CharField(_("brand"), max_length=100, blank=True, help_text=_("Leave empty for any brand."))
    beside = models.ForeignKey(
        Category,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("only on products in"),
        help_text=_("Includes its subcategories. Leave empty for every product page."),
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(category=None) | ~Q(brand=""),
                name="rule_names_category_or_brand",
                violation_error_message=_("Enter a category, a brand or both. A rule for every product has no effect."),
            ),
            models.CheckConstraint(
                condition=Q(effect=Effect.EXCLUDE, boost=None)
                # Without `boost__isnull`, a missing boost would make the condition NULL, which passes.
                | Q(effect=Effect.BOOST, boost__isnull=False, boost__gte=-MOST_BOOST, boost__lte=MOST_BOOST),
                name="rule_moves_by_its_boost",
                violation_error_message=_("A boost needs a value; an exclusion must have none."),
            ),
        ]

    def __str__(self) -> str:
        if self.brand and self.category:
            what = gettext("%(brand)s in %(category)s") % {"brand": self.brand, "category": self.category.name}
        else:
            what = self.brand or (self.category.name if self.category else "")
        if self.effect == Effect.EXCLUDE:
            everywhere, somewhere = gettext("Never show %(what)s"), gettext("Never show %(what)s on pages in %(page)s")
        elif (self.boost or 0) > 0:
            everywhere = gettext("Show %(what)s earlier")
            somewhere = gettext("Show %(what)s earlier on pages in %(page)s")
        else:
            everywhere = gettext("Show %(what)s later")
            somewhere = gettext("Show %(what)s later on pages in %(page)s")
        if self.beside is None:
            return everywhere % {"what": what}
        return somewhere % {"what": what, "page": self.beside.name}
