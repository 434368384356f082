"""Pictures that nobody would want, and somebody signed in; run like `tests.faults.inside.chores`."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore

from catalog.models import Product
from catalog.services import accept_image, announce_images, attach_image
from tests.faults.inside.chores import answer
from tests.faults.inside.names import SHELF, STAFF
from tests.pictures import picture
from tests.poison import poisoned


def add(faults: Sequence[str | None]) -> None:
    """A picture of the shelf for each of these, all announced at once; their ids."""
    shelf = Product.objects.get(slug=SHELF)
    ids = []
    for number, fault in enumerate(faults):
        data = picture(seed=number, size=(40, 48)) if fault is None else poisoned(fault, seed=number)
        ids.append(attach_image(product=shelf, accepted=accept_image(data)).pk)
    announce_images(ids, interactive=False)
    answer(ids)


def sign_in() -> None:
    """The staff's session key, as its cookie holds it."""
    staff = User.objects.get(username=STAFF)
    session = SessionStore()
    session[SESSION_KEY] = str(staff.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = staff.get_session_auth_hash()
    session.save()
    answer(session.session_key)
