"""Harmful pictures, and a signed-in user; run like `tests.faults.inside.chores`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from PIL import Image

from catalog.models import Product
from catalog.services import accept_image, announce_images, attach_image
from recommendations.lifecycle import artifacts
from recommendations.models import EmbeddingModel, ModelState
from tests.faults.inside.chores import answer
from tests.faults.inside.names import SHELF, STAFF
from tests.faults.weak_network import write_weak_network
from tests.pictures import picture
from tests.poison import poisoned


def add(faults: Sequence[str | None]) -> None:
    """Add one picture for each of these, announce all at once, and return their ids."""
    shelf = Product.objects.get(slug=SHELF)
    ids = []
    for number, fault in enumerate(faults):
        if fault is None:
            data = picture(seed=number, size=(40, 48))
        elif fault == "black":
            out = io.BytesIO()
            Image.new("RGB", (32, 32)).save(out, "PNG")
            data = out.getvalue()
        else:
            data = poisoned(fault, seed=number)
        ids.append(attach_image(product=shelf, accepted=accept_image(data)).pk)
    announce_images(ids, interactive=False)
    answer(ids)


def weaken_network(kind: str) -> None:
    """Replace the active model's network with `write_weak_network`."""
    drawn = Path(artifacts.cache_path(kind))
    sha256 = write_weak_network(drawn, kind)
    artifacts.store(drawn, sha256)
    drawn.rename(artifacts.cache_path(sha256))
    EmbeddingModel.objects.filter(state=ModelState.ACTIVE).update(graph_sha256=sha256)
    answer(sha256)


def sign_in() -> None:
    """The session key of the staff user, for its cookie."""
    staff = User.objects.get(username=STAFF)
    session = SessionStore()
    session[SESSION_KEY] = str(staff.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = staff.get_session_auth_hash()
    session.save()
    answer(session.session_key)
