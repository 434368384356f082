"""What this database knows of the media storage beside it: one row."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.db.models import Q


class MediaState(models.Model):
    """The first three fields are also written into the storage (`catalog.media.high_water`), which so remembers how far
    its database was. The others say what the last check of the files found (`catalog.media.files`)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    shop = models.UUIDField(default=uuid.uuid4, editable=False)
    generation = models.PositiveBigIntegerField(default=0)
    highest_image = models.PositiveBigIntegerField(default=0)

    refused = models.TextField(blank=True, help_text="Why no file is set aside or deleted. Empty: nothing is wrong.")
    refused_since = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    pictures = models.PositiveIntegerField(default=0)
    lost = models.PositiveIntegerField(default=0, help_text="Pictures whose file is not in the media storage.")
    lost_names = models.JSONField(default=list, blank=True, help_text="The first of their files.")
    rowless = models.PositiveIntegerField(default=0, help_text="Files without a row that were not set aside.")
    quarantined = models.PositiveIntegerField(default=0, help_text="Files in quarantine.")

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(id=1), name="at_most_one_media_state")]

    def __str__(self) -> str:
        return f"{self.lost:,} of {self.pictures:,} pictures lack their file"

    @classmethod
    def current(cls) -> Self:
        return cls.objects.get_or_create(pk=1)[0]
