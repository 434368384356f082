"""Bundled models that staff chose not to be offered any longer."""

from __future__ import annotations

from django.db import models


class DismissedOffer(models.Model):
    """One for each edition, for the whole shop. A later edition is offered again."""

    edition = models.CharField(max_length=120, primary_key=True)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.edition}, dismissed by {self.by}"
