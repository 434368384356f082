"""The cost of public routes does not grow with the catalog, measured in rows that Postgres reads in a shop and in one
four times as large. No timings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog import pages
from catalog.models import Category
from catalog.search import finding
from catalog.search.indexing import index_stale
from recommendations.embeddings.indexes import drop_index, ensure_index
from recommendations.models import EmbeddingModel, ModelState
from tests.recommendations.search.test_search_oracle import SPEC
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db(transaction=True)

SMALL, TIMES = 2500, 4
#: For four times the products. An exact comparison after a selective filter grows with the square root of the catalog:
#: 2.
MOST = 2.6
SIMILAR = "/api/v1/products/p7/similar/"
ROUTES = [
    "/", "/c/clothes/", "/c/clothes/?page=3", "/c/clothes/?page=999999999", "/c/clothes/?before=999999",
    "/search/?q=women", "/search/?q=women+or+men", "/search/?q=-zebra", "/search/?q=women+men", "/search/?q=zebra",
    "/search/?q=women&page=5000", "/p/p7/", "/p/p7/similar/", "/api/v1/products/", "/api/v1/products/?q=women",
    "/api/v1/products/?q=women+men", "/api/v1/products/?price_max=0.01", "/api/v1/products/?brand=Nobody",
    "/api/v1/products/p7/", "/api/v1/products/p7/strip/",
    SIMILAR, f"{SIMILAR}?price_max=0.01", f"{SIMILAR}?price_max=0.01&in_stock=true", f"{SIMILAR}?price_min=99999",
    f"{SIMILAR}?sort=value&price_max=0.01", f"{SIMILAR}?brand=Nobody", f"{SIMILAR}?attribute=colour:Infrared",
    f"{SIMILAR}?in_stock=true", f"{SIMILAR}?category=clothes", f"{SIMILAR}?in_colour=Red",
]  # fmt: skip


def fill(count: int) -> EmbeddingModel:
    """Product n is p<n>; three in four are for women, one in four for men."""
    category: Category = Shopkeeper().category("clothes")
    model = EmbeddingModel.objects.create(
        name=f"bounded-{count}", source="file", weights_sha256="0" * 64, graph_sha256="0" * 64,
        state=ModelState.ACTIVE, **EmbeddingModel.fields_of(SPEC),
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO catalog_product (sku, slug, title, description, brand, category_id, price, currency, stock,
                                         published, attributes, created_at, updated_at)
            SELECT 'P' || n, 'p' || n, CASE WHEN n %% 4 = 0 THEN 'Men ' ELSE 'Women ' END || 'thing', '',
                   'Brand ' || n %% 7, %s, 1 + n %% 100, 'USD', n %% 3, true,
                   jsonb_build_object('colour', (ARRAY['Red', 'Green', 'Blue', 'Grey'])[1 + n %% 4]), now(), now()
              FROM generate_series(1, %s) AS n
            """,
            [category.pk, count],
        )
        cursor.execute(
            """
            INSERT INTO catalog_productimage (product_id, file, alt, position, width, height, digest, created_at)
            SELECT id, 'products/bounded/' || sku, '', 0, 1, 1, encode(sha256(sku::bytea), 'hex'), now()
              FROM catalog_product ORDER BY id
            """
        )
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(
            """
            INSERT INTO recommendations_imageembedding
                   (image_id, model_id, digest, state, attempts, error_code, error, vector, created_at, embedded_at)
            SELECT id, %s, digest, 'ready', 1, '', '', l2_normalize(numbers::halfvec), now(), now()
              FROM (SELECT image.id, image.digest, array_agg(random() - 0.5) AS numbers
                      FROM catalog_productimage AS image CROSS JOIN generate_series(1, %s)
                     GROUP BY image.id, image.digest) AS made
             ORDER BY id
            """,
            [model.pk, SPEC.dimension],
        )
        index_stale()
        assert ensure_index(model)
        # The categories as well: otherwise the planner would use statistics of an earlier test.
        tables = "catalog_category, catalog_product, catalog_searchtext, catalog_productimage"
        cursor.execute(f"VACUUM ANALYZE {tables}, recommendations_imageembedding")
    return model


def touched(client: Client, path: str) -> int:
    """Rows that the statements of a request read from tables and vector indexes, including rows that a filter
    dropped."""
    with CaptureQueriesContext(connection) as sent:
        assert client.get(path).status_code == 200, path
    rows, settings = 0, ""
    with transaction.atomic(), connection.cursor() as cursor:
        for query in sent.captured_queries:
            sql = query["sql"]
            if "set_config" in sql or sql.startswith(("RELEASE", "ROLLBACK", "COMMIT")):
                settings = sql if "set_config" in sql else ""  # until the end of the transaction
            if not sql.lstrip().startswith("SELECT") or "set_config" in sql:
                continue
            cursor.execute(settings or "SELECT 1")
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
            described = cursor.fetchone()[0]
            cursor.execute("RESET enable_seqscan; RESET enable_indexscan; RESET enable_indexonlyscan")
            plan = json.loads(described) if isinstance(described, str) else described
            rows += sum(_read(node) for node in _nodes(plan[0]["Plan"]))
    return rows


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def _read(node: dict[str, Any]) -> int:
    """Rows of a node that reads rows; a bitmap of addresses from an index does not count."""
    if "Scan" not in node["Node Type"] or node["Node Type"] in {"Bitmap Index Scan", "Subquery Scan", "CTE Scan"}:
        return 0
    dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + dropped) * node["Actual Loops"])


@pytest.mark.slow
@pytest.mark.case
def test_no_public_route_reads_more_in_a_larger_shop(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "COUNTED", 100)
    monkeypatch.setattr(finding, "MANY", 400)
    monkeypatch.setattr(finding, "RANKED", 120)
    monkeypatch.setattr("recommendations.search.query_vectors._SWATCH_PRODUCTS", 100)
    monkeypatch.setattr("recommendations.strips.swatches.READ", 100)
    cost: dict[str, list[int]] = {path: [] for path in ROUTES}
    for count in (SMALL, TIMES * SMALL):
        model = fill(count)
        try:
            for path in ROUTES:
                cost[path].append(touched(client, path))
        finally:
            drop_index(model)
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE catalog_product, catalog_productimage, recommendations_imageembedding CASCADE")
            EmbeddingModel.objects.all().delete()
    grown = {path: rows for path, rows in cost.items() if rows[1] > MOST * rows[0] + 300}
    assert not grown, "\n".join(f"{path}: {rows[0]:,} rows, then {rows[1]:,}" for path, rows in grown.items())


@pytest.mark.slow
@pytest.mark.case
def test_counts_are_exact_up_to_a_thousand_and_say_so_beyond(shop: Shopkeeper, client: Client) -> None:
    category = shop.category("clothes")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO catalog_product (sku, slug, title, description, brand, category_id, currency, stock,
                                         published, attributes, created_at, updated_at)
            SELECT 'P' || n, 'p' || n, 'Red thing', '', '', %s, 'USD', 1, true, '{}', now(), now()
              FROM generate_series(1, 1000) AS n
            """,
            [category.pk],
        )
    index_stale()
    for path in ("/c/clothes/", "/search/?q=red"):
        assert "1,000 products" in client.get(path).content.decode()
    assert "Older products" not in client.get("/c/clothes/?page=42").content.decode()
    oldest = shop.product("Red thing", category="clothes")
    for path in ("/c/clothes/", "/search/?q=red"):
        assert "1,000+ products" in client.get(path).content.decode()
    last = client.get("/c/clothes/?page=999999999")
    assert (last.status_code, last.context["page"].number) == (200, 42)
    assert client.get("/c/clothes/?page=abc").context["page"].number == 1
    shown = [product.pk for product in last.context["page"]]
    assert f"before={shown[-1]}" in last.content.decode()
    rest = client.get(f"/c/clothes/?before={shown[-1]}").context["page"]
    assert [product.pk for product in rest] == [oldest.pk - 1000]
    for odd in ("abc", "-1", "9" * 40, "%00"):
        assert client.get(f"/c/clothes/?before={odd}").status_code == 200
