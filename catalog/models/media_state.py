"""What this database knows about its media storage: one row."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.db.models import Q


class MediaState(models.Model):
    """The first three fields are also written to the storage, which records how far its database was
    (`catalog.media.high_water`). The others are the results of the last file check (`catalog.media.files`)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    shop = models.UUIDField(default=uuid.uuid4, editable=False)
    generation = models.PositiveBigIntegerField(default=0)
    highest_image = models.PositiveBigIntegerField(default=0)

    refused = models.TextField(blank=True, help_text="Why no file is quarantined or deleted. Empty if all is well.")
    refused_since = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    pictures = models.PositiveIntegerField(default=0)
    lost = models.PositiveIntegerField(default=0, help_text="Pictures without a file in the media storage.")
    lost_names = models.JSONField(default=list, blank=True, help_text="Names of the first missing files.")
    rowless = models.PositiveIntegerField(default=0, help_text="Files without a row that are not in quarantine.")
    quarantined = models.PositiveIntegerField(default=0, help_text="Files in quarantine.")

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(id=1), name="at_most_one_media_state")]

    def __str__(self) -> str:
        return f"{self.lost:,} of {self.pictures:,} pictures have no file"

    @classmethod
    def current(cls) -> Self:
        return cls.objects.get_or_create(pk=1)[0]
