"""How large a request may be, by its address. deploy/Caddyfile has the same limits; a test compares them."""

from __future__ import annotations

import re

from django.conf import settings

UPLOADS_AT_ONCE = 5  # pictures of the largest size that one form of the admin may carry
FORM_BYTES = 4_000_000  # what the rest of a form adds to its pictures, and all that a request without any may have
PICTURE_PATHS = r"^/(search/photo|api/v1/search/image|api/v1/products/[^/]+/images)/$"
ADMIN_PATHS = r"^/admin/"


def body_limit(path: str) -> int:
    """Bytes that the body of a request to `path` (decoded, without its query) may have."""
    if re.match(ADMIN_PATHS, path):
        return UPLOADS_AT_ONCE * settings.IMAGE_MAX_BYTES + FORM_BYTES
    if re.match(PICTURE_PATHS, path):
        return settings.IMAGE_MAX_BYTES + FORM_BYTES
    return FORM_BYTES
