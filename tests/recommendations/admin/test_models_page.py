"""The steps above the admin's list of embedding models, and the suggestion of a bundled one on the start page."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.test import Client

from catalog.locks import advisory_lock
from ml.weights import bundled_names, newest_editions
from recommendations.lifecycle import artifacts, bundled
from recommendations.lifecycle.restoring import MODELS_LOCK
from recommendations.models import DismissedOffer, EmbeddingModel, ImageEmbedding, ModelState
from recommendations.pipeline import worker
from tests.people.staff import signed_in, staff
from tests.people.together import together
from tests.running import ROOT
from tests.shopkeeper import Shopkeeper

PAGE = "/admin/recommendations/embeddingmodel/"
FASHION, GENERAL = newest_editions()


def text(client: Client, address: str = PAGE) -> str:
    """The page without markup, in one line."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", client.get(address).content.decode())))


def said(response: HttpResponse) -> str:
    assert response.status_code == 302
    return " ".join(str(message) for message in get_messages(response.wsgi_request))  # type: ignore[attr-defined]


def post(client: Client, step: str, **data: Any) -> HttpResponse:
    return client.post(f"{PAGE}{step}/", data)  # type: ignore[return-value]


@pytest.fixture
def uses_fashion(plane: EmbeddingModel) -> EmbeddingModel:
    """An active model that was made from the bundled fashion model, as far as its row says."""
    plane.weights_sha256, plane.source = FASHION.sha256, "bundled"
    plane.save()
    return plane


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_bundled_model_is_added_built_compared_and_activated(
    network: EmbeddingModel, shop: Shopkeeper, admin_client: Client
) -> None:
    for _ in range(2):
        shop.image(shop.product())
    found = text(admin_client)
    assert "Bundled models" in found
    assert f"lookalike-general edition {GENERAL.number}" in found
    assert "Input 224 px Vector 256 numbers File 6.2 MB Pictures a second and core 28" in found

    assert "lookalike-general was added as a draft. Build it next." in said(
        post(admin_client, "bundled", edition=GENERAL.name)
    )
    model = EmbeddingModel.objects.get(name="lookalike-general")
    assert (model.state, model.weights) == (ModelState.DRAFT, GENERAL.name)
    assert default_storage.exists(artifacts.storage_name(model.graph_sha256))
    found = text(admin_client)
    assert "2 pictures to embed: less than a minute on one processor core." in found
    assert f"lookalike-general edition {GENERAL.number}" not in found, "offered once"
    assert found.count("lookalike-fashion edition") == 1

    assert "Workers now build lookalike-general." in said(post(admin_client, "build", model=model.pk))
    assert "0 of 2 pictures Workers build it." in text(admin_client)
    assert "lacks 2 pictures. Workers embed them now." in said(post(admin_client, "activate", model=model.pk))
    for each in (network, model):
        worker.build(each)
    address = f"{PAGE}compare/?first={network.pk}&second={model.pk}"
    assert html.escape(address) in admin_client.get(PAGE).content.decode()
    assert "Activate lookalike-general" in text(admin_client, address)

    before = ImageEmbedding.objects.count()
    answer = said(post(admin_client, "activate", model=model.pk))
    assert f"lookalike-general is active. {network.name} stays ready; activate it to switch back." in answer
    assert EmbeddingModel.objects.active() == model
    assert ImageEmbedding.objects.count() == before == 4
    assert f"Activate {network.name}" in text(admin_client)


def test_steps_out_of_turn_are_refused_in_a_sentence(plane: EmbeddingModel, admin_client: Client) -> None:
    assert "plane is active" in said(post(admin_client, "build", model=plane.pk))
    assert "already active" in said(post(admin_client, "activate", model=plane.pk))
    assert post(admin_client, "build", model=10**17).status_code == 404
    for step, data in (("bundled", {}), ("bundled", {"edition": "lookalike-fashion-0"}), ("build", {"model": "²"})):
        assert post(admin_client, step, **data).status_code == 400


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_adding_neither_waits_for_another_process_nor_happens_twice(
    transactional_db: None, admin_client: Client
) -> None:
    with advisory_lock(MODELS_LOCK):
        (answer,) = together([lambda: post(admin_client, "bundled", edition=GENERAL.name)])
    assert "Another process is making a model. Try again in a minute." in said(answer)
    assert not EmbeddingModel.objects.exists()
    post(admin_client, "bundled", edition=GENERAL.name)
    assert post(admin_client, "bundled", edition=GENERAL.name).status_code == 400
    assert EmbeddingModel.objects.count() == 1


@pytest.mark.slow
def test_buttons_are_shown_to_those_who_may_press_them(uses_fashion: EmbeddingModel) -> None:
    viewer = signed_in(staff("viewer", "recommendations.view_embeddingmodel"))
    assert "Bundled models" in text(viewer)
    assert f"plane active {FASHION.name} resnet50" in text(viewer)
    assert (
        "<button"
        not in viewer.get(PAGE).content.decode().partition('id="bundled-models"')[2].partition("</article>")[0]
    )
    assert "Another model is available" not in text(viewer, "/admin/")


@pytest.mark.slow
def test_every_button_sends_a_csrf_token(uses_fashion: EmbeddingModel, admin_client: Client) -> None:
    ready, draft = (
        EmbeddingModel.objects.create(
            name=state, source="file", weights_sha256=state, graph_sha256=state, state=state,
            **EmbeddingModel.fields_of(uses_fashion.spec),
        )
        for state in (ModelState.READY, ModelState.DRAFT)
    )  # fmt: skip
    assert (ready.name, draft.name) == ("ready", "draft")
    product = Shopkeeper().embedded(uses_fashion, "red", [1, 0, 0])
    compare = f"{PAGE}compare/?first={uses_fashion.pk}&second={ready.pk}&sku={product.sku}"
    for address, expected in (
        (PAGE, {"bundled", "build", "activate"}),
        (compare, {"activate"}),
        ("/admin/", {"dismiss"}),
    ):
        page = admin_client.get(address).content.decode()
        forms = re.findall(rf'<form method="post" action="{PAGE}(\w+)/">(.*?)</form>', page, re.S)
        assert {step for step, _ in forms} == expected
        assert all("csrfmiddlewaretoken" in form for _, form in forms), address


# The suggestion


@pytest.mark.slow
def test_a_shop_with_a_bundled_model_is_offered_the_other_until_somebody_dismisses_it(
    uses_fashion: EmbeddingModel, admin_client: Client
) -> None:
    other = signed_in(staff("other", "recommendations.add_embeddingmodel", "recommendations.view_embeddingmodel"))
    assert "Another model is available: lookalike-general" in text(other, "/admin/")
    assert "no longer suggested" in said(post(admin_client, "dismiss", edition=GENERAL.name))
    assert DismissedOffer.objects.get().by == "admin"
    assert "Another model is available" not in text(other, "/admin/")
    assert "lookalike-general edition" in text(other), "it can still be added"
    assert EmbeddingModel.objects.active() == uses_fashion


@pytest.mark.parametrize("state", [state for state in ModelState if state != ModelState.ACTIVE])
def test_a_model_that_the_shop_tried_is_not_suggested(uses_fashion: EmbeddingModel, state: str) -> None:
    assert bundled.suggestion() is not None
    EmbeddingModel.objects.create(
        name="tried", source="bundled", weights_sha256=GENERAL.sha256, graph_sha256=GENERAL.sha256, state=state,
        **EmbeddingModel.fields_of(uses_fashion.spec),
    )  # fmt: skip
    assert bundled.suggestion() is None
    assert bool(bundled.offers()) == (state == ModelState.RETIRED)


def test_a_shop_with_a_model_of_its_own_is_offered_nothing(plane: EmbeddingModel) -> None:
    assert bundled.suggestion() is None
    assert [offer.edition for offer in bundled.offers()] == [FASHION, GENERAL]


def test_every_bundled_model_is_described_as_the_docs_say() -> None:
    speeds = Path(ROOT, "docs/how-to/scale.md").read_text()
    for name in bundled_names():
        facts = bundled.FACTS[name]
        assert name in Path(ROOT, facts.card).read_text()
        assert re.search(rf"\| {name}, \d+ px[^|]*\| floats \| {facts.per_second} \|", speeds), name
