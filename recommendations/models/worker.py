"""Workers and their latest heartbeats, for information only: claims rely on their own leases."""

from __future__ import annotations

from django.db import models


class Worker(models.Model):
    name = models.CharField(max_length=200, unique=True, help_text="Host and process.")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
