"""The admin's page about the pipeline: what it shows, to whom, and what its buttons do."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import F
from django.test import Client
from django.utils import timezone

from catalog.models import ProductImage
from recommendations.embeddings import claims
from recommendations.models import EmbeddingModel, ImageEmbedding, Pause, Worker
from recommendations.monitoring.reasons import REASONS
from tests.recommendations.monitoring.test_pipeline_status import _many_rows, row
from tests.shopkeeper import Shopkeeper

PAGE = "/admin/recommendations/pipeline/"
RETRY = f"{PAGE}retry/"
SWITCH = f"{PAGE}switch/"


def staff(*permissions: str, **fields: Any) -> Client:
    user = User.objects.create_user("staff", **{"is_staff": True, **fields})
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(enforce_csrf_checks=False)
    client.force_login(user)
    return client


def text(client: Client, address: str = PAGE) -> str:
    """What stands on the page, without markup, in one line."""
    response = client.get(address)
    assert response.status_code == 200
    body = re.search(r'<div class="pipeline.*', response.content.decode(), re.S)
    assert body
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", body[0])))


# What it shows


@pytest.mark.slow
def test_it_shows_counts_rate_and_remaining_time_of_each_model(
    shop: Shopkeeper, plane: EmbeddingModel, admin_client: Client
) -> None:
    for age in range(0, 240, 20):  # far from every rounding: the seconds that this test takes change no word
        row(shop, plane, age_s=age)
    for _ in range(12):
        row(shop, plane, "pending", age_s=100)
    row(shop, plane, "processing")
    row(shop, plane, "failed", code="corrupt")
    EmbeddingModel.objects.create(
        name="line", source="file", backbone="resnet50", weights_sha256="1" * 64, graph_sha256="1" * 64,
        input_size=40, fit="stretch", pooling="max", dimension=2, state="building",
    )  # fmt: skip
    found = text(admin_client)
    assert "plane active 12 of 26 ready" in found
    assert "Ready 12 Processing 1 Pending 12 Failed 1 Rate 3 a minute Longest wait about 2 minutes" in found
    assert "About 4 minutes left, at 3 pictures a minute." in found
    assert "line building 0 of 26 ready" in found
    assert "Failed pictures: plane" in found
    page = admin_client.get(PAGE).content.decode()
    assert 'aria-label="12 ready, 1 processing, 12 pending, 1 failed"' in page


@pytest.mark.slow
def test_failures_stand_by_reason_with_pictures_links_and_remedies(
    shop: Shopkeeper, plane: EmbeddingModel, admin_client: Client
) -> None:
    for _ in range(10):
        row(shop, plane, "failed", code="corrupt")
    lost = row(shop, plane, "failed", code="missing_file")
    row(shop, plane, "failed", code="from_the_future")
    found = text(admin_client)
    assert f"{REASONS['corrupt'].means} corrupt 10 pictures. {REASONS['corrupt'].remedy} Try these 10 again" in found
    assert f"{REASONS['missing_file'].means} missing_file 1 picture." in found
    assert "does not know this code. from_the_future 1 picture." in found
    assert found.index("corrupt 10") < found.index("missing_file 1"), "the most frequent first"
    page = admin_client.get(PAGE).content.decode()
    assert page.count('class="pipeline-picture"') == 8 + 1 + 1
    assert f'href="/admin/catalog/product/{lost.image.product_id}/change/"' in page
    assert f'src="{lost.image.file.url}"' in page
    (all_of_them,) = re.findall(r'href="([^"]*imageembedding/\?[^"]*)"', page)
    assert admin_client.get(html.unescape(all_of_them)).content.decode().count("It is corrupt.") == 10


@pytest.mark.slow
def test_an_empty_shop_says_what_comes_first(admin_client: Client) -> None:
    found = text(admin_client)
    assert "A worker creates the first embedding model when the first picture arrives" in found
    assert "No worker has sent a heartbeat" in found
    assert "failed" not in found.lower()


def test_a_model_without_pictures_and_without_failures_says_so(plane: EmbeddingModel, admin_client: Client) -> None:
    found = text(admin_client)
    assert "There are no pictures yet." in found
    assert "No pictures have failed." in found


def test_workers_are_listed_while_they_are_heard_from(plane: EmbeddingModel, admin_client: Client) -> None:
    now = timezone.now()
    Worker.objects.create(name="host-a/11", started_at=now, seen_at=now)
    Worker.objects.create(name="host-b/12", started_at=now, seen_at=now - timedelta(seconds=90))
    found = text(admin_client)
    assert "host-a/11" in found
    assert "host-b/12" not in found


def test_it_is_reached_from_the_index_and_the_sidebar(admin_client: Client, db: None) -> None:
    assert admin_client.get("/admin/").content.decode().count(f'href="{PAGE}"') >= 2


# Keeping up to date


@pytest.mark.slow
def test_a_look_brings_the_progress_and_failures_only_when_they_changed(
    shop: Shopkeeper, plane: EmbeddingModel, admin_client: Client
) -> None:
    row(shop, plane, "failed", code="corrupt")
    again = re.search(r'hx-get="([^"]*)"', admin_client.get(PAGE).content.decode())
    assert again
    row(shop, plane)
    update = admin_client.get(again[1]).content.decode()
    assert "1</strong> of 2 ready" in update
    assert "<html" not in update
    assert "pipeline-failures" not in update
    row(shop, plane, "failed", code="corrupt")
    update = admin_client.get(again[1]).content.decode()
    assert 'id="pipeline-failures" hx-swap-oob="true"' in update
    assert again[1] not in html.unescape(update), "asks for what it has seen now"


def test_it_looks_again_by_itself_without_scripts_too(plane: EmbeddingModel, admin_client: Client) -> None:
    page = admin_client.get(PAGE).content.decode()
    assert re.search(r'<noscript><meta http-equiv="refresh" content="\d+">', page)
    assert re.search(r'hx-trigger="every \d+s ', page)


@pytest.mark.slow
def test_ten_thousand_failures_cost_no_more_queries_than_one(
    shop: Shopkeeper, plane: EmbeddingModel, admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    row(shop, plane, "failed", code="corrupt")
    admin_client.get(PAGE)
    with django_assert_max_num_queries(15):
        admin_client.get(PAGE)
    _many_rows(shop, plane)
    with django_assert_max_num_queries(15):
        page = admin_client.get(PAGE).content.decode()
    assert page.count('class="pipeline-picture"') == 3 * 8
    assert f"Try all {len(failed_codes()):,} again" in page
    assert len(page) < 150_000


# Trying again


def failed_codes() -> list[str]:
    return sorted(ImageEmbedding.objects.filter(state="failed").values_list("error_code", flat=True))


@pytest.fixture
def three(shop: Shopkeeper, plane: EmbeddingModel) -> list[ImageEmbedding]:
    return [row(shop, plane, "failed", code=code) for code in ("corrupt", "corrupt", "timeout")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "left", "said"),
    [
        ("all", [], "3 pictures will be tried again."),
        ("reason", ["timeout"], "2 pictures will be tried again."),
        ("picture", ["corrupt", "timeout"], "1 picture will be tried again."),
    ],
)
def test_all_or_those_of_one_reason_or_one_picture_are_tried_again(
    what: str, left: list[str], said: str, three: list[ImageEmbedding], plane: EmbeddingModel, admin_client: Client
) -> None:
    data = {
        "all": {"model": plane.pk},
        "reason": {"model": plane.pk, "code": "corrupt"},
        "picture": {"row": three[0].pk},
    }
    response = admin_client.post(RETRY, data[what], follow=True)
    assert response.redirect_chain == [(PAGE, 302)]
    assert said in response.content.decode()
    assert failed_codes() == left
    again = ImageEmbedding.objects.filter(state="pending")
    assert set(again.values_list("attempts", "error_code", "error")) == {(0, "", "")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "status"),
    [({}, 400), ({"row": "x"}, 400), ({"model": "1; DROP"}, 400), ({"row": "999999"}, 404), ({"model": "999999"}, 404)],
)
def test_what_cannot_be_tried_again_is_refused(
    data: dict[str, str], status: int, three: list[ImageEmbedding], admin_client: Client
) -> None:
    assert admin_client.post(RETRY, data).status_code == status
    assert len(failed_codes()) == 3


# Holding it


@pytest.mark.slow
def test_staff_pause_and_resume_and_everybody_sees_who_did(
    shop: Shopkeeper, plane: EmbeddingModel, admin_client: Client
) -> None:
    row(shop, plane, "pending")
    assert "The pipeline is running. Pause" in text(admin_client)
    admin_client.post(SWITCH, {"to": "pause"})
    found = text(admin_client)
    assert "by admin" in found
    assert "New uploads are still accepted." in found
    assert "Paused: pending pictures are embedded after the pipeline resumes." in found
    assert claims.claim_batch(plane, 1) == []
    assert "Paused since" in text(staff("view_pipeline"))
    admin_client.post(SWITCH, {"to": "resume"})
    assert len(claims.claim_batch(plane, 1)) == 1
    assert admin_client.post(SWITCH, {"to": "explode"}).status_code == 400


# Who may what


@pytest.mark.slow
@pytest.mark.parametrize(
    ("permissions", "sees", "retries"),
    [
        ([], 403, 403),
        (["view_imageembedding", "change_product"], 403, 403),
        (["view_pipeline"], 200, 403),
        (["change_pipeline"], 200, 302),
        (["view_pipeline", "change_pipeline"], 200, 302),
    ],
)
def test_staff_see_and_do_what_they_are_permitted(
    permissions: list[str], sees: int, retries: int, three: list[ImageEmbedding]
) -> None:
    client = staff(*permissions)
    page = client.get(PAGE)
    assert page.status_code == sees
    assert (f'action="{RETRY}"' in page.content.decode()) == (retries == 302)
    assert (SWITCH in page.content.decode()) == (retries == 302)
    assert client.post(RETRY, {"row": three[0].pk}).status_code == retries
    assert client.post(SWITCH, {"to": "pause"}).status_code == retries
    assert len(failed_codes()) == (2 if retries == 302 else 3)
    assert Pause.objects.exists() == (retries == 302)


@pytest.mark.parametrize("fields", [None, {"is_staff": False}, {"is_active": False}])
def test_everybody_else_is_sent_to_the_login(fields: dict[str, Any] | None, three: list[ImageEmbedding]) -> None:
    client = Client() if fields is None else staff("view_pipeline", "change_pipeline", **fields)
    for response in (client.get(PAGE), client.post(RETRY, {"row": three[0].pk}), client.post(SWITCH, {"to": "pause"})):
        assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/admin/login/")
    assert len(failed_codes()) == 3


def test_a_retry_takes_a_post_of_the_shops_own_form(three: list[ImageEmbedding], admin_user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert client.get(RETRY).status_code == 405
    assert client.post(PAGE).status_code in {403, 405}
    assert client.post(RETRY, {"row": three[0].pk}).status_code == 403
    assert client.post(SWITCH, {"to": "pause"}).status_code == 403
    assert client.get(SWITCH).status_code == 405
    assert len(failed_codes()) == 3


@pytest.mark.slow
def test_the_list_of_embeddings_asks_for_the_same_permission(three: list[ImageEmbedding]) -> None:
    address = "/admin/recommendations/imageembedding/"
    action = {"action": "retry", "_selected_action": [three[0].pk]}
    client = staff("view_imageembedding")
    client.post(address, action)
    assert len(failed_codes()) == 3
    User.objects.all().delete()
    staff("view_imageembedding", "change_pipeline").post(address, action)
    assert len(failed_codes()) == 2


def test_the_progress_of_renditions_is_shown(shop: Shopkeeper, plane: EmbeddingModel, admin_client: Client) -> None:
    images = [row(shop, plane, "ready").image for _ in range(3)]
    ProductImage.objects.filter(pk=images[0].pk).update(rendition_source=F("digest"))
    ProductImage.objects.filter(pk=images[1].pk).update(rendition_attempts=3)
    assert "1 of 3 pictures have their smaller copies. 1 failed and is shown as it is." in text(admin_client)
