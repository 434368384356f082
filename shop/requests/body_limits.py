"""Size limits of request bodies, by address. deploy/Caddyfile has the same limits; a test compares them."""

from __future__ import annotations

import re

from django.conf import settings

UPLOADS_AT_ONCE = 5  # pictures of the maximum size in one admin form
FORM_BYTES = 4_000_000  # limit of a request without pictures, and of a form's fields next to its pictures
PICTURE_PATHS = r"^/(search/photo|api/v1/search/image|api/v1/products/[^/]+/images)/$"
ADMIN_PATHS = r"^/admin/"


def body_limit(path: str) -> int:
    """Maximum size in bytes of the body of a request to `path` (decoded, without query)."""
    if re.match(ADMIN_PATHS, path):
        return UPLOADS_AT_ONCE * settings.IMAGE_MAX_BYTES + FORM_BYTES
    if re.match(PICTURE_PATHS, path):
        return settings.IMAGE_MAX_BYTES + FORM_BYTES
    return FORM_BYTES
