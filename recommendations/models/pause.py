"""The pipeline's switch: there is a row while it is paused, none while it runs."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Pause(models.Model):
    """`claims.claim_batch` checks it in the statement that claims, so it stops every worker at once."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    since = models.DateTimeField(auto_now_add=True)
    by = models.CharField(max_length=150, blank=True, help_text=_("Who paused the pipeline, if known."))
    reason = models.CharField(max_length=200, blank=True)
    bulk_only = models.BooleanField(default=False, help_text=_("Whether uploads are still embedded."))

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="at_most_one_pause")]

    def __str__(self) -> str:
        if self.bulk_only:
            named = gettext("Paused except for uploads since %(since)s by %(by)s")
            nameless = gettext("Paused except for uploads since %(since)s")
        else:
            named, nameless = gettext("Paused since %(since)s by %(by)s"), gettext("Paused since %(since)s")
        sentence = (named if self.by else nameless) % {"since": f"{self.since:%Y-%m-%d %H:%M} UTC", "by": self.by}
        return f"{sentence}: {self.reason.rstrip('.')}." if self.reason else f"{sentence}."
