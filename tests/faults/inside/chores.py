"""Functions that a test runs inside its own shop: `python manage.py shell -c "from … import chores; …"`.

Each function prints one line of JSON at the end.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from rest_framework.authtoken.models import Token

from catalog.models import Category, Product
from catalog.services import accept_image, announce_images, attach_image
from recommendations.lifecycle import artifacts
from recommendations.models import EmbeddingModel, ModelState
from tests.faults.inside.names import PASSWORD, SHELF, STAFF, TOKEN
from tests.faults.network import SPEC, WEIGHTS, write_network
from tests.pictures import picture


def furnish() -> None:
    """Create tables, a member of staff, a product to add pictures to, and a working model."""
    call_command("migrate", verbosity=0)
    staff = User.objects.create_superuser(STAFF, password=PASSWORD)
    Token.objects.create(user=staff, key=TOKEN)
    category = Category.objects.add_root(instance=Category(name="Things"))
    Product.objects.create(sku="SHELF", slug=SHELF, title="Shelf", category=category, price="10.00", stock=5)
    add_model("thumbnail", state=ModelState.ACTIVE)


def add_model(name: str, *, seed: int = 0, state: str = ModelState.DRAFT) -> None:
    drawn = Path(artifacts.cache_path(name))
    drawn.parent.mkdir(parents=True, exist_ok=True)
    sha256 = write_network(drawn, seed=seed)
    artifacts.store(drawn, sha256)
    drawn.rename(artifacts.cache_path(sha256))
    EmbeddingModel.objects.create(
        name=name,
        source=WEIGHTS.source,
        weights=WEIGHTS.setting,
        weights_sha256=WEIGHTS.sha256,
        graph_sha256=sha256,
        state=state,
        activated_at=timezone.now() if state == ModelState.ACTIVE else None,
        **EmbeddingModel.fields_of(SPEC),
    )


def add_pictures(count: int, *, interactive: bool) -> None:
    """Add pictures as an upload does, each to a new product, and return their ids. Without `interactive`, in one
    transaction: a sweep in the middle of it would give a held worker only some of them."""
    ids: list[int] = []
    if interactive:
        for _ in range(count):
            ids.append(add_picture())
            announce_images(ids[-1:], interactive=True)
    else:
        with transaction.atomic():
            ids.extend(add_picture() for _ in range(count))
            announce_images(ids, interactive=False)
    answer(ids)


def add_picture() -> int:
    number = Product.objects.count()
    product = Product.objects.create(
        sku=f"P{number}", slug=f"p{number}", title=f"Thing {number}", category=Category.objects.get(),
        price="10.00", stock=5,
    )  # fmt: skip
    pk: int = attach_image(product=product, accepted=accept_image(picture(seed=number, size=(32, 40)))).pk
    return pk


def answer(value: Any) -> None:
    print(json.dumps(value), flush=True)  # noqa: T201
