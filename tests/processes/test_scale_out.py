"""Hosts that share only Postgres, Redis and a bucket: each process has its own VAR_DIR."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token

from catalog.models import Product, ProductImage
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.monitoring.status import pipeline_status
from tests.pictures import picture
from tests.processes.conftest import Process, Start, until
from tests.processes.test_worker import answers, write_pictures
from tests.processes.traffic import drawn, fetch, posted
from tests.shopkeeper import Shopkeeper

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]

KEYS = {"AWS_ACCESS_KEY_ID": "only-for-tests", "AWS_SECRET_ACCESS_KEY": "only-for-tests"}
#: Other tests at the same time come from the same address.
OWN = {"EMBEDDING_BATCH_SIZE": "4", "PHOTO_SEARCH_RATE": "100000/min"}
STORE = {"MEDIA_S3_BUCKET": "pictures", "MEDIA_S3_REGION": "us-east-1", **KEYS}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Hosts:
    """Starts processes, each with separate files, as on separate hosts."""

    start: Start
    folder: Path
    endpoint: str

    def var(self, host: str) -> Path:
        return self.folder / host

    def run(self, host: str, *options: str, command: list[str] | None = None, **environment: str) -> Process:
        return self.start(
            options[0] if options else "command", *options[1:], command=command, VAR_DIR=str(self.var(host)),
            MEDIA_S3_ENDPOINT=self.endpoint, **{**STORE, **OWN, **environment},
        )  # fmt: skip

    def manage(self, host: str, *arguments: str, **environment: str) -> Process:
        done = self.run(host, command=[sys.executable, "manage.py", *arguments], **environment)
        done.popen.wait(timeout=120)
        return done

    @property
    def bucket(self) -> Any:
        keys = {"aws_access_key_id": "only-for-tests", "aws_secret_access_key": "only-for-tests"}
        return boto3.resource("s3", endpoint_url=self.endpoint, region_name="us-east-1", **keys).Bucket("pictures")

    def names(self, folder: str) -> set[str]:
        return {each.key for each in self.bucket.objects.filter(Prefix=folder)}


@pytest.fixture
def hosts(start: Start, tmp_path: Path) -> Hosts:
    port = free_port()
    store = start("store", command=[sys.executable, "-m", "moto.server", "-p", str(port)])
    until(lambda: answers(str(port), "/moto-api/"), 60, lambda: store.log)
    made = Hosts(start, tmp_path, f"http://127.0.0.1:{port}")
    made.bucket.create()
    return made


class Shop:
    """A client of a host's web process, for visitors and staff."""

    def __init__(self, hosts: Hosts, host: str) -> None:
        self.port = str(free_port())
        self.process = hosts.run(host, "web", "--bind", f"127.0.0.1:{self.port}")
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = Token.objects.create(
            user=User.objects.create(username="staff", is_staff=True, is_superuser=True)
        ).key
        until(lambda: answers(self.port, "/healthz"), 60, lambda: self.process.log)

    def upload(self, product: Product, data: bytes) -> dict[str, Any]:
        request = posted(f"{self.url}/api/v1/products/{product.slug}/images/", {}, ("file", data))
        request.add_header("Authorization", f"Token {self.token}")
        return json.loads(fetch(request))


def embeds(hosts: Hosts, host: str) -> Callable[[], bool]:
    """Whether the host has used a network to embed."""
    return lambda: any((hosts.var(host) / "cache" / "models").glob("*.onnx"))


def test_workers_share_nothing_but_postgres_redis_and_a_bucket(hosts: Hosts, tmp_path: Path) -> None:
    shop, keeper = Shop(hosts, "web"), Shopkeeper()
    workers = [hosts.run(host, "worker") for host in ("a", "b")]
    log = lambda: "".join(each.log for each in (shop.process, *workers))  # noqa: E731

    # Both work: one creates the network, the other loads it from the bucket.
    uploads: list[tuple[Product, bytes, dict[str, Any]]] = []

    def upload() -> None:
        product, data = keeper.product(), drawn(len(uploads))
        uploads.append((product, data, shop.upload(product, data)))

    def both_after_one_more() -> bool:
        upload()
        return embeds(hosts, "a")() and embeds(hosts, "b")()

    until(both_after_one_more, 90, log)
    (tmp_path / "catalog").mkdir()
    write_pictures(tmp_path / "catalog", 40)
    imported = hosts.manage("importer", "import_catalog", str(tmp_path / "catalog"))
    assert imported.popen.returncode == 0, imported.log
    until(lambda: pipeline_status().settled, 90, log)
    total = len(uploads) + 40
    assert (pipeline_status().ready, ProductImage.objects.count()) == (total, total), log()
    assert EmbeddingModel.objects.count() == 1
    assert hosts.names("products/") == set(ProductImage.objects.values_list("file", flat=True))
    assert hosts.names("models/") == {f"models/{EmbeddingModel.objects.get().graph_sha256}.onnx"}

    # Pages and searches on a host without pictures or a network.
    product, data, described = uploads[0]
    with urlopen(described["url"], timeout=30) as response:
        assert response.read() == data
        assert set(response.headers["Content-Security-Policy"].split("; ")) == {"default-src 'none'", "sandbox"}
        assert "immutable" in response.headers["Cache-Control"]
    assert f"/media/{ProductImage.objects.get(product=product).file.name}" in fetch(
        Request(f"{shop.url}{product.get_absolute_url()}")
    )
    found = json.loads(fetch(posted(f"{shop.url}/api/v1/search/image/", {"limit": "1"}, ("photo", data))))
    assert [each["sku"] for each in found["results"]] == [product.sku]

    # Files are deleted with their rows; the sweep removes files without rows.
    name = ProductImage.objects.get(product=product).file.name
    gone = hosts.manage("a", "shell", "-v", "0", "-c", DELETE.format(product.pk))
    assert name not in hosts.names("products/"), gone.log
    assert len(hosts.names("products/")) == total - 1
    stray = f"products/ab/{'ab' * 16}.jpg"
    hosts.bucket.put_object(Key=stray, Body=b"left behind by a killed upload")
    swept = hosts.manage("b", "shell", "-v", "0", "-c", SWEEP)
    assert "removed 1" in swept.log
    assert len(hosts.names("products/")) == total - 1

    # Only the missing file fails, with its reason.
    lost = ImageEmbedding.objects.order_by("-id")[0]
    hosts.bucket.Object(lost.image.file.name).delete()
    hosts.manage("a", "embed_catalog", "--all")
    lost.refresh_from_db()
    assert (lost.state, lost.error_code) == ("failed", "missing_file")
    assert pipeline_status().ready == total - 2
    assert not any((hosts.var(host) / "media").exists() for host in ("web", "a", "b", "importer"))


DELETE = "from catalog.models import Product; Product.objects.get(pk={}).delete()"
SWEEP = """
from datetime import timedelta
from catalog.media.files import sweep
print("removed", sweep(older_than=timedelta(seconds=-60)).set_aside)
"""


def test_pictures_stay_pending_while_the_bucket_cannot_be_reached(hosts: Hosts) -> None:
    Shop(hosts, "web").upload(Shopkeeper().product(), picture())
    hosts.manage("a", "embed_catalog")
    ImageEmbedding.objects.update(state="pending", attempts=0)
    nowhere = Hosts(hosts.start, hosts.folder, f"http://127.0.0.1:{free_port()}")
    for done in (nowhere.manage("a", "embed_catalog"), hosts.manage("a", "embed_catalog", MEDIA_S3_BUCKET="another")):
        assert done.popen.returncode == 1
        assert "The media store" in done.log
        row = ImageEmbedding.objects.get()
        assert (row.state, row.attempts, row.error_code) == ("pending", 0, "")
    assert hosts.manage("a", "embed_catalog").popen.returncode == 0
    assert pipeline_status().ready == 1
