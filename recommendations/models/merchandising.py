"""What the shop itself has to say about what is shown beside a product. Said of products, never of vectors, so that
it outlives new pictures and new models."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from catalog.models import Category, Product

#: The most that a rule moves a product, in cosine: more than what own category and gender add together.
MOST_BOOST = 0.2


class Pin(models.Model):
    """`shown` stands first in the strip of `product`, in the order of `position`."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="pins")
    shown = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+", verbose_name="product to show")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "shown"],
                name="pinned_once",
                violation_error_message="This product is pinned here already.",
            ),
            models.CheckConstraint(condition=~Q(product=F("shown")), name="pin_of_another_product"),
        ]

    def __str__(self) -> str:
        return f"{self.shown} beside {self.product}"

    def clean(self) -> None:
        if self.product_id is None or self.shown_id is None:
            return
        if self.product_id == self.shown_id:
            raise ValidationError({"shown": "A product is not shown beside itself."}, code="itself")
        # One that was vetoed later stays, unseen: or the product could not be saved for what was said elsewhere.
        if self._state.adding and Veto.objects.between(self.product_id, self.shown_id).exists():
            message = "These two are never to be shown together. Take that back first."
            raise ValidationError({"shown": message}, code="vetoed")


class VetoQuerySet(models.QuerySet["Veto"]):
    def of(self, product_id: int) -> VetoQuerySet:
        return self.filter(Q(a=product_id) | Q(b=product_id))

    def between(self, one: int, other: int) -> VetoQuerySet:
        return self.filter(a=min(one, other), b=max(one, other))


class Veto(models.Model):
    """Neither of the two is ever shown in the strip of the other. `merchandising.set_vetoes` writes it."""

    a = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    b = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")

    objects = VetoQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["a", "b"], name="vetoed_once"),
            models.CheckConstraint(condition=Q(a__lt=F("b")), name="veto_names_the_smaller_id_first"),
        ]

    def __str__(self) -> str:
        return f"{self.a} and {self.b} never together"


class Effect(models.TextChoices):
    EXCLUDE = "exclude", "never show"
    BOOST = "boost", "move"


class Rule(models.Model):
    """What of a category, a brand, or a brand within a category is shown in strips."""

    effect = models.CharField(max_length=10, choices=Effect)
    boost = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(-MOST_BOOST), MaxValueValidator(MOST_BOOST)],
        help_text=f"Only to move: added to the likeness, {-MOST_BOOST} (later) to {MOST_BOOST} (earlier).",
    )
    category = models.ForeignKey(
        Category,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="category of what is shown",
        help_text="With all below it. Empty: any.",
    )
    brand = models.CharField("brand of what is shown", max_length=100, blank=True, help_text="Empty: any.")
    beside = models.ForeignKey(
        Category,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="only beside products of",
        help_text="With all below it. Empty: beside every product.",
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(category=None) | ~Q(brand=""),
                name="rule_names_category_or_brand",
                violation_error_message="Name a category, a brand or both: a rule for everything changes nothing.",
            ),
            models.CheckConstraint(
                condition=Q(effect=Effect.EXCLUDE, boost=None)
                # Without the first, a missing number would be neither true nor false, and pass.
                | Q(effect=Effect.BOOST, boost__isnull=False, boost__gte=-MOST_BOOST, boost__lte=MOST_BOOST),
                name="rule_moves_by_its_boost",
                violation_error_message="To move takes a number, never to show takes none.",
            ),
        ]

    def __str__(self) -> str:
        what = " in ".join(filter(None, (self.brand, self.category.name if self.category else "")))
        beside = f" beside {self.beside.name}" if self.beside else ""
        if self.effect == Effect.EXCLUDE:
            return f"Never {what}{beside}"
        return f"{what} {'earlier' if (self.boost or 0) > 0 else 'later'}{beside}"
