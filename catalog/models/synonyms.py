"""Words that mean the same to shoppers. Staff edit them in the admin."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _


def validate_synonyms(text: str) -> None:
    """
    Raises:
        ValidationError: fewer than two expressions.
    """
    if len({each.strip().casefold() for each in text.split(",") if any(map(str.isalnum, each))}) < 2:
        raise ValidationError(_("Enter at least two words or expressions, separated by commas."), "too_few")


class Synonyms(models.Model):
    words = models.CharField(
        _("words"),
        max_length=500,
        validators=[validate_synonyms],
        help_text=_(
            "Words or expressions with the same meaning, separated by commas: “trousers, pants”. A search for one also "
            "finds the others, after products with the word itself."
        ),
    )

    class Meta:
        verbose_name = _("synonyms")
        verbose_name_plural = _("synonyms")
        ordering = ["words", "id"]

    def __str__(self) -> str:
        return self.words
