"""Words that mean the same to shoppers. Staff edit them in the admin."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _


def expressions(text: str) -> list[str]:
    """The expressions of a group as written, each once, whatever its case."""
    found: dict[str, str] = {}
    for each in text.split(","):
        if any(map(str.isalnum, each)):
            found.setdefault(" ".join(each.split()).casefold(), " ".join(each.split()))
    return list(found.values())


def validate_synonyms(text: str) -> None:
    """
    Raises:
        ValidationError: fewer than two expressions.
    """
    if len(expressions(text)) < 2:
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

    def clean(self) -> None:
        """Tidy spaces and commas, and refuse a group that is part of another.

        Raises:
            ValidationError: another group has all of these expressions.
        """
        self.words = ", ".join(expressions(self.words))
        mine = {each.casefold() for each in expressions(self.words)}
        for other in Synonyms.objects.exclude(pk=self.pk):
            if len(mine) > 1 and mine <= {each.casefold() for each in expressions(other.words)}:
                message = _("The group “%(group)s” already has these words.")
                raise ValidationError({"words": ValidationError(message, "duplicate", {"group": other.words})})
