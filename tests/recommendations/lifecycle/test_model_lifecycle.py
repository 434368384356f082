"""From one embedding model to the next and back, while shoppers search and staff upload."""

from __future__ import annotations

import io
import json
import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from catalog.models import Product, ProductImage
from ml.pictures.codec import to_input
from ml.runtimes import opening
from recommendations import tasks
from recommendations.embeddings import claims
from recommendations.embeddings.coverage import coverage
from recommendations.embeddings.indexes import index_exists
from recommendations.lifecycle import artifacts, switching
from recommendations.lifecycle.publishing import find_weights, publish
from recommendations.management.commands.embedding_models import Command
from recommendations.models import EmbeddingModel, EmbeddingState, ImageEmbedding, ModelState
from recommendations.monitoring.status import model_warnings, weights_disagreement
from recommendations.pipeline import worker
from recommendations.search.request import SearchRequest
from recommendations.search.service import find_similar, search_photo
from recommendations.strips.product_strip import product_strip
from tests.models import Added
from tests.pictures import COLOURS, picture
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db(transaction=True)


def run(action: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command("embedding_models", action, *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def refusal(action: str, *arguments: str) -> str:
    with pytest.raises(CommandError) as caught:
        run(action, *arguments)
    return str(caught.value)


def model(name: str) -> EmbeddingModel:
    return EmbeddingModel.objects.get(name=name)


def states(name: str) -> dict[str, int]:
    found = coverage(model(name))
    return {"ready": found.ready, "pending": found.pending, "failed": found.failed}


@pytest.fixture
def catalog(transactional_db: None) -> list[Product]:
    """A dozen products, a picture each."""
    shop, shapes = Shopkeeper(), ["ellipse", "rectangle"]
    products = []
    for number in range(12):
        product = shop.product(f"Product {number}")
        colour = list(COLOURS)[number % 4]
        shop.image(product, picture(colour, shape=shapes[number % 2], seed=number))
        products.append(product)
    return products


@pytest.fixture
def running(catalog: list[Product], added: Added) -> list[Product]:
    """A shop that runs on the wide model, every picture embedded."""
    added("wide")
    run("build", "wide")
    run("activate", "wide")
    return catalog


@pytest.fixture
def both(running: list[Product], added: Added) -> list[Product]:
    """... and has the split model built beside it."""
    added("split")
    run("build", "split")
    return running


def oracle(name: str) -> dict[int, np.ndarray]:
    """Every product's vector, computed again."""
    network, images = artifacts.embedder(model(name)), list(ProductImage.objects.order_by("pk"))
    inputs = []
    for image in images:
        with image.file.open() as file:
            inputs.append(to_input(file.read(), network.spec))
    return dict(zip([image.product_id for image in images], network.embed(inputs), strict=True))


def answers_like(product: Product, vectors: dict[int, np.ndarray], *, limit: int = 5) -> None:
    """The strip of `product` is what a comparison with every vector gives."""
    found = find_similar(product, SearchRequest(limit)).matches
    truth = sorted((vectors[product.pk] @ vector for pk, vector in vectors.items() if pk != product.pk), reverse=True)
    assert [match.score for match in found] == pytest.approx(truth[:limit], abs=2e-3)
    assert [vectors[product.pk] @ vectors[match.product.pk] for match in found] == pytest.approx(
        truth[:limit], abs=2e-3
    )


# The whole course


@pytest.mark.slow
def test_a_shop_goes_to_a_model_of_another_dimension_and_metric_and_back(running: list[Product], split: str) -> None:
    red, old = running[0], oracle("wide")
    answers_like(red, old)

    assert "split is a draft: resnet50, 24-d, 40 px" in run("add", split)
    assert model("split").spec.parts[1].name == "colour"
    assert not ImageEmbedding.objects.filter(model__name="split").exists()

    assert "split is ready: 12 of 12 pictures" in run("build", "split")
    assert find_similar(red, SearchRequest(5)).model == model("wide"), "nothing changes before the switch"
    answers_like(red, old)

    assert "split is active. wide stays ready" in run("activate", "split")
    new = oracle("split")
    assert find_similar(red, SearchRequest(5)).model == model("split")
    for product in running:
        answers_like(product, new)
    found = search_photo(picture("red", seed=0), SearchRequest(3))
    assert (found.model, found.matches[0].product) == (model("split"), red)
    assert found.matches[0].score == pytest.approx(1.0, abs=2e-3)

    assert "wide is active. split stays ready" in run("rollback")
    assert find_similar(red, SearchRequest(5)).model == model("wide")
    answers_like(red, old)
    assert "split is active" in run("rollback"), "once more is forth again"


@pytest.mark.slow
def test_shoppers_and_staff_notice_nothing_of_switches(both: list[Product]) -> None:
    """Searches, uploads and deletes go on in other threads while the models change places."""
    red = both[0]
    vectors = {name: oracle(name) for name in ("wide", "split")}
    stop, problems = threading.Event(), []
    searches = 0

    def in_a_thread(work: Callable[[], None]) -> Callable[[], None]:
        def loop() -> None:
            try:
                while not stop.is_set():
                    work()
            except BaseException as error:  # noqa: BLE001
                problems.append(repr(error))
            finally:
                connections.close_all()

        return loop

    def search() -> None:
        nonlocal searches
        results = find_similar(red, SearchRequest(5))
        assert results.model is not None
        own = vectors[results.model.name]
        for match in results.matches:
            if match.product.pk in own:
                assert match.score == pytest.approx(own[red.pk] @ own[match.product.pk], abs=2e-3), results.model
        assert len(results.matches) == 5
        searches += 1

    def upload_and_delete() -> None:
        shop = Shopkeeper()
        image = shop.image(shop.product())
        tasks.embed_images([image.pk])
        assert ImageEmbedding.objects.filter(image=image, state="ready").exists()
        worker.drain()
        image.product.delete()

    threads = [threading.Thread(target=in_a_thread(work)) for work in (search, search, upload_and_delete)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        run("activate", "split", "--force")
        run("rollback")
    stop.set()
    for thread in threads:
        thread.join()
    assert not problems
    assert searches > 10


@pytest.mark.slow
def test_a_strip_in_the_moment_of_the_switch_is_wholly_of_one_model(both: list[Product]) -> None:
    red, vectors, switched = both[0], oracle("wide"), list[str]()

    def switch_after(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if not switched and sql.startswith("SELECT * FROM recommendations_embeddingmodel"):
            switched.append(switching.activate("split").model.name)
        return result

    with connection.execute_wrapper(switch_after):
        found = product_strip(red, 5)
    assert switched == ["split"]
    assert found.model == model("wide")
    scores = [vectors[red.pk] @ vectors[match.product.pk] for match in found.matches]
    assert [match.score for match in found.matches] == pytest.approx(scores, abs=2e-3)


# Building


@pytest.mark.slow
def test_an_upload_during_a_build_gets_a_vector_of_both_models(running: list[Product], added: Added) -> None:
    added("split")
    assert "Workers build it" in run("build", "split", "--enqueue")
    assert states("split") == {"ready": 0, "pending": 12, "failed": 0}

    image = Shopkeeper().image(Shopkeeper().product())
    tasks.embed_images([image.pk])
    rows = dict(ImageEmbedding.objects.filter(image=image).values_list("model__name", "state"))
    assert rows == {"wide": "ready", "split": "pending"}, "the active model first"

    tasks.embed_pending()
    assert states("split") == states("wide") == {"ready": 13, "pending": 0, "failed": 0}
    assert model("split").state == ModelState.READY


@pytest.mark.slow
def test_pictures_deleted_and_replaced_during_a_build_leave_nothing_wrong(running: list[Product], added: Added) -> None:
    added("split")
    run("build", "split", "--enqueue")
    taken = claims.claim_batch(model("split"), 4)
    running[0].delete()
    data = picture("green", seed=99)
    replaced = ProductImage.objects.get(product=running[1])
    Shopkeeper().image(running[1], data)
    replaced.delete()
    vectors = np.eye(4, 24, dtype=np.float32)
    assert claims.store_vectors(taken, vectors) == 2
    assert run("build", "split").startswith("split is ready: 11 of 11")
    assert ImageEmbedding.objects.filter(model__name="split").count() == 11


@pytest.mark.slow
def test_a_product_deleted_while_a_worker_makes_its_row_is_gone(running: list[Product], added: Added) -> None:
    """Between the deletion of the embeddings and that of the picture the worker looks for what is missing."""
    added("split")
    building = switching.begin_build("split")
    made: list[int] = []

    def make_rows() -> None:
        made.append(claims.add_missing_rows(building))
        connections.close_all()

    worker = threading.Thread(target=make_rows)

    def in_between(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith('DELETE FROM "catalog_productimage"'):
            worker.start()
            worker.join(timeout=1)
        return execute(sql, *rest)

    with connection.execute_wrapper(in_between):
        running[0].delete()
    worker.join()
    assert made == [11]
    assert not ImageEmbedding.objects.exclude(image__product__in=running[1:]).exists()


@pytest.mark.slow
def test_a_build_that_was_killed_goes_on_where_it_was(running: list[Product], added: Added, settings: Any) -> None:
    settings.EMBEDDING_BATCH_SIZE = 5
    added("split")
    switching.begin_build("split")
    claims.add_missing_rows(model("split"))
    claims.claim_batch(model("split"), 5)  # the killed process held these
    ImageEmbedding.objects.filter(state="processing").update(lease_expires_at=timezone.now() + timedelta(seconds=1))
    assert "12 of 12" in run("build", "split")
    attempts = ImageEmbedding.objects.filter(model__name="split").values_list("attempts", flat=True)
    assert sorted(attempts) == [1] * 7 + [2] * 5


@pytest.mark.slow
def test_a_ready_model_is_kept_complete_until_it_is_retired(
    both: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("activate", "split")
    image = Shopkeeper().image(Shopkeeper().product())
    tasks.embed_images([image.pk])
    tasks.embed_pending()
    assert states("wide") == states("split") == {"ready": 13, "pending": 0, "failed": 0}
    monkeypatch.setattr(switching, "ANSWER_SECONDS", 0)
    run("retire", "wide")
    image = Shopkeeper().image(Shopkeeper().product())
    tasks.embed_images([image.pk])
    worker.sweep()
    worker.drain()
    assert set(ImageEmbedding.objects.values_list("model__name", flat=True)) == {"split"}


@pytest.mark.slow
def test_a_build_makes_the_index_of_its_own_dimension_and_metric(
    running: list[Product], added: Added, settings: Any
) -> None:
    settings.EMBEDDING_INDEX_MIN_ROWS = 10
    added("split")
    run("build", "split")
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [model("split").index_name])
        (definition,) = cursor.fetchone()
    assert "halfvec(24)" in definition
    assert "halfvec_l2_ops" in definition
    run("retire", "split")
    assert not index_exists(model("split"))


@pytest.mark.slow
def test_a_network_that_cannot_run_keeps_nobody_else_from_working(running: list[Product], added: Added) -> None:
    added("split")
    run("build", "split", "--enqueue")
    EmbeddingModel.objects.filter(name="split").update(graph_sha256="0" * 64, weights="gone.npz")
    shop = Shopkeeper()
    shop.image(shop.product())
    with pytest.raises(artifacts.ModelUnavailable, match=r"gone\.npz"):
        worker.drain()
    assert states("wide") == {"ready": 13, "pending": 0, "failed": 0}
    assert states("split") == {"ready": 0, "pending": 13, "failed": 0}


# Switching


@pytest.mark.slow
def test_a_model_that_lacks_pictures_is_not_activated_and_they_are_named(running: list[Product], added: Added) -> None:
    added("split")
    assert "has no vectors (it is draft)" in refusal("activate", "split")
    switching.begin_build("split")
    claims.add_missing_rows(model("split"))
    said = refusal("activate", "split")
    assert "split lacks 12 of 12 pictures" in said
    assert f"SKU {running[0].sku}, {running[1].sku}," in said
    assert "and 2 more pictures" in said
    assert EmbeddingModel.objects.active() == model("wide")

    said = run("activate", "split", "--force")
    assert "split is active" in said
    assert "Workers now embed the 12 of 12 pictures that it lacks" in said
    worker.drain()
    assert find_similar(running[0], SearchRequest(3)).model == model("split")
    answers_like(running[0], oracle("split"))


@pytest.mark.slow
def test_pictures_that_fail_under_either_model_count_as_covered_and_are_named(
    running: list[Product], added: Added
) -> None:
    default_storage.delete(running[3].images.get().file.name)
    claims.retry(model("wide"), everything=True)
    worker.drain()
    added("split")
    assert "11 of 12 pictures" in run("build", "split")
    said = run("activate", "split")
    assert "1 pictures failed (1 missing_file) and count as covered." in said
    assert f"SKU {running[3].sku}." in said


@pytest.mark.slow
def test_a_model_that_lost_pictures_is_not_activated_until_they_are_tried_again(
    running: list[Product], added: Added, monkeypatch: pytest.MonkeyPatch
) -> None:
    added("split")
    with monkeypatch.context() as away:
        away.setattr(default_storage, "open", lambda *_: (_ for _ in ()).throw(OSError("the storage is away")))
        assert "0 of 12 pictures" in run("build", "split")
    said = refusal("activate", "split")
    assert "split failed on 12 pictures that wide has vectors for. SKU" in said
    assert "`manage.py embed_catalog --failed --model split` retries them" in said
    assert EmbeddingModel.objects.active() == model("wide")
    call_command("embed_catalog", "--failed", "--model", "split", stdout=io.StringIO(), stderr=io.StringIO())
    assert "split is active" in run("activate", "split")
    ImageEmbedding.objects.filter(model__name="wide").update(state=EmbeddingState.FAILED, error_code="corrupt")
    assert "wide failed on 12 pictures that split" in refusal("activate", "wide")
    assert "wide is active" in run("activate", "wide", "--force")


@pytest.mark.slow
def test_activating_embeds_what_was_uploaded_since_the_build(both: list[Product]) -> None:
    shop = Shopkeeper()
    shop.image(shop.product())
    assert coverage(model("split")).missing == 1
    assert "split is active" in run("activate", "split")
    assert states("split") == {"ready": 13, "pending": 0, "failed": 0}


@pytest.mark.slow
def test_a_model_without_its_index_is_not_activated(both: list[Product], settings: Any) -> None:
    settings.EMBEDDING_INDEX_MIN_ROWS = 10  # of twelve pictures
    EmbeddingModel.objects.filter(name="split").update(state=ModelState.BUILDING)
    assert "The index of split is not built yet" in refusal("activate", "split")
    assert EmbeddingModel.objects.active() == model("wide")
    assert "Workers now build its index" in run("activate", "split", "--force")
    run("rollback")
    assert not index_exists(model("split"))
    run("activate", "split")
    assert index_exists(model("split")), "a ready one is completed first"


@pytest.mark.slow
def test_an_upload_in_the_moment_of_the_switch_only_delays_it(
    both: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, complete, times = Shopkeeper(), Command._complete, iter(range(2))

    def complete_and_upload(self: Command, chosen: EmbeddingModel) -> None:
        complete(self, chosen)
        if next(times, None) is not None:
            shop.image(shop.product())

    monkeypatch.setattr(Command, "_complete", complete_and_upload)
    shop.image(shop.product())
    assert "split is active" in run("activate", "split")
    assert states("split") == {"ready": 15, "pending": 0, "failed": 0}


@pytest.mark.slow
def test_there_is_nothing_to_roll_back_to_before_the_first_switch(running: list[Product]) -> None:
    assert "no model to go back to" in refusal("rollback")
    assert "already active" in refusal("activate", "wide")
    assert "There is no model 'nope'. Models here: wide." in refusal("activate", "nope")
    assert "wide is active; `manage.py embed_catalog` completes it" in refusal("build", "wide")


@pytest.mark.slow
def test_a_switch_does_not_take_the_shop_out_of_service(both: list[Product], wide: str, settings: Any) -> None:
    settings.EMBEDDING_WEIGHTS = wide
    client = Client()
    assert client.get("/readyz").json()["status"] == "ok"
    run("activate", "split")
    assert client.get("/readyz").json()["status"] == "ok"
    assert any("does not match the active model (split)" in warning for warning in model_warnings(model("split")))
    settings.EMBEDDING_WEIGHTS = "untrained"
    assert "embedding_models add" in (weights_disagreement(model("split")) or ""), "weights nobody has added"
    assert client.get("/readyz").json()["status"] == "degraded"


# Adding and retiring


@pytest.mark.slow
def test_the_same_weights_are_not_added_twice(running: list[Product], wide: str, tmp_path: Path) -> None:
    assert refusal("add", wide) == "These weights are here already, as model wide (active)."
    copy = tmp_path / "copy.npz"
    shutil.copy(wide, copy)
    assert "as model wide" in refusal("add", str(copy)), "it is the content that counts"
    assert "wide-max is a draft" in run("add", wide, "--pooling", "max"), "another pooling is another model"
    assert "another model named wide. Choose" in refusal("add", wide, "--pooling", "gem", "--name", "wide")
    assert "mine is a draft" in run("add", wide, "--pooling", "gem", "--name", "mine")


def test_weights_that_cannot_be_used_are_named(transactional_db: None, tmp_path: Path) -> None:
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 not really")
    assert "broken.npz" in refusal("add", str(broken))
    assert "absent.npz" in refusal("add", str(tmp_path / "absent.npz"))
    assert not EmbeddingModel.objects.exists()


@pytest.mark.drill
def test_weights_added_before_the_first_picture_become_the_first_model(
    transactional_db: None, wide: str, settings: Any
) -> None:
    run("add", wide)
    settings.EMBEDDING_WEIGHTS = wide
    assert switching.ensure_active_model() == model("wide")
    assert EmbeddingModel.objects.count() == 1


@pytest.mark.slow
def test_a_retired_model_leaves_only_its_record(both: list[Product]) -> None:
    network = default_storage.path(artifacts.storage_name(model("split").graph_sha256))
    assert Path(network).exists()
    assert "12 vectors deleted" in run("retire", "split")
    assert model("split").state == ModelState.RETIRED
    assert not ImageEmbedding.objects.filter(model__name="split").exists()
    assert not Path(network).exists()
    assert "no model to go back to" in refusal("rollback")
    assert "wide is active. Activate another model first" in refusal("retire", "wide")
    assert "retired" in refusal("build", "split")
    answers_like(both[0], oracle("wide"))
    assert Path(default_storage.path(artifacts.storage_name(model("wide").graph_sha256))).exists()


@pytest.mark.slow
def test_retiring_waits_for_searches_that_began_before_the_switch(
    both: list[Product], added: Added, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[tuple[float, int]] = []

    def wait(seconds: float) -> None:
        waited.append((seconds, ImageEmbedding.objects.filter(model__name="wide").count()))

    monkeypatch.setattr(switching, "time", SimpleNamespace(sleep=wait))
    run("activate", "split")
    assert "12 vectors deleted" in run("retire", "wide")
    assert waited == [(pytest.approx(switching.ANSWER_SECONDS, abs=5), 12)]
    run("retire", "wide")
    EmbeddingModel.objects.filter(name="split").update(activated_at=timezone.now() - timedelta(minutes=1))
    run("retire", "wide")
    assert len(waited) == 2, "only right after a switch"


@pytest.mark.drill
def test_a_retired_model_may_be_added_again(both: list[Product], split: str) -> None:
    run("retire", "split")
    assert "split is a draft" in run("add", split)
    assert "12 of 12" in run("build", "split")
    assert EmbeddingModel.objects.count() == 2


@pytest.mark.slow
def test_what_is_computed_for_a_model_that_is_retired_meanwhile_is_dropped(
    running: list[Product], added: Added
) -> None:
    added("split")
    building = switching.begin_build("split")
    claims.add_missing_rows(building)
    taken = claims.claim_batch(building, 4)
    EmbeddingModel.objects.filter(pk=building.pk).update(state=ModelState.RETIRED)
    assert claims.store_vectors(taken, np.eye(4, 24, dtype=np.float32)) == 0
    assert claims.claim_batch(building, 4) == []
    run("retire", "split")  # what a kill interrupted is completed
    assert claims.store_vectors(taken, np.eye(4, 24, dtype=np.float32)) == 0
    assert claims.add_missing_rows(building) == 0
    assert not ImageEmbedding.objects.filter(model=building).exists()
    with pytest.raises(switching.LifecycleError, match="retired in the meantime"):
        worker.build(building)


@pytest.mark.slow
def test_a_build_whose_model_is_retired_under_it_stops(running: list[Product], added: Added, settings: Any) -> None:
    settings.EMBEDDING_BATCH_SIZE = 2
    added("split")
    building = switching.begin_build("split")
    retired: list[int] = []

    def retire_now(count: int) -> None:
        if not retired:
            retired.append(count)
            run("retire", "split")

    with pytest.raises(switching.LifecycleError, match="retired in the meantime"):
        worker.build(building, advance=retire_now)
    assert not ImageEmbedding.objects.filter(model=building).exists()


# Networks


@pytest.mark.slow
def test_a_process_holds_two_networks_at_most_the_last_used(
    both: list[Product], wide: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "_loaded", {})
    run("add", wide, "--pooling", "max")
    models = [model(name) for name in ("wide", "split", "wide-max")]
    first = artifacts.embedder(models[0])
    artifacts.embedder(models[1])
    assert artifacts.embedder(models[0]) is first
    artifacts.embedder(models[2])
    assert list(artifacts._loaded) == [models[0].graph_sha256, models[2].graph_sha256]
    assert artifacts.embedder(models[0]) is first


@pytest.mark.slow
def test_a_lost_network_is_made_again_from_its_own_weights(
    both: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts.discard(model("split").graph_sha256)
    assert "The artifact of split is missing" in refusal("activate", "split")
    run("build", "split")
    assert artifacts.is_published(model("split"))
    run("activate", "split")
    answers_like(both[0], oracle("split"))


# Seeing


@pytest.mark.slow
def test_the_list_says_how_complete_each_model_is(running: list[Product], added: Added, settings: Any) -> None:
    added("split")
    run("build", "split", "--enqueue")
    made = publish(find_weights("untrained", pooling=None, log=print), log=print)
    EmbeddingModel.objects.create(
        name="sketch", source="file", weights_sha256=made.weights_sha256, graph_sha256=made.graph_sha256,
        **EmbeddingModel.fields_of(made.spec),
    )  # fmt: skip
    ImageEmbedding.objects.filter(model__name="split", image__product=running[0]).update(
        state=EmbeddingState.FAILED, error_code="corrupt"
    )
    found = {entry["name"]: entry for entry in json.loads(run("list", "--json"))["models"]}
    assert list(found) == ["wide", "split", "sketch"]
    assert {key: found["wide"][key] for key in ("state", "dimension", "input_size", "coverage", "ready", "metric")} == {
        "state": "active", "dimension": 2048, "input_size": 32, "coverage": 1.0, "ready": 12, "metric": "cosine"
    }  # fmt: skip
    assert found["wide"]["activated_at"]
    assert (found["split"]["coverage"], found["split"]["failed"]) == (pytest.approx(1 / 12, abs=1e-5), 1)
    assert found["sketch"]["coverage"] is None
    table = run("list")
    assert "building" in table
    assert "8.3 %, 1 failed" in table
    assert "100 %" in table


def test_the_list_of_a_new_shop_says_where_models_come_from(transactional_db: None) -> None:
    assert "The first picture creates one" in run("list")


@pytest.mark.slow
def test_the_admin_shows_models_and_how_complete_they_are(both: list[Product], admin_client: Client) -> None:
    page = admin_client.get("/admin/recommendations/embeddingmodel/").content.decode()
    assert page.count("12 of 12") == 2
    assert admin_client.get(f"/admin/recommendations/embeddingmodel/{model('split').pk}/change/").status_code == 200
    assert "split" in admin_client.get("/admin/recommendations/imageembedding/").content.decode()


@pytest.mark.slow
def test_each_host_chooses_the_precision_and_the_vectors_stay_comparable(
    transactional_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.runtimes.opening.multiplies_int8", lambda: True)
    bundled = switching.add_model("bundled")
    graph = artifacts.cache_path(bundled.graph_sha256)
    inputs = [to_input(picture("red", seed=number), bundled.spec) for number in range(4)]
    vectors = {}
    for setting, precision in (("float", "compact"), ("int8", "int8"), ("auto", "int8")):
        settings.EMBEDDING_PRECISION = setting
        artifacts._loaded.clear()
        network = artifacts.embedder(bundled)
        assert network.meta.precision == precision
        vectors[setting] = network.embed(inputs)
    assert (vectors["float"] * vectors["auto"]).sum(axis=1).min() > 0.98
    assert opening.int8_path(graph).exists()
    artifacts.discard(bundled.graph_sha256)
    assert not list(graph.parent.glob(f"{bundled.graph_sha256}*"))
