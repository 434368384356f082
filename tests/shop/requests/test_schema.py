"""The schema describes the real API: errors, public access, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.authtoken.models import Token

from recommendations.models import EmbeddingModel
from tests.shopkeeper import Shopkeeper

METHODS = {"get", "post", "put", "patch", "delete"}
#: Without `positive_data_acceptance`, because made-up categories and products are refused, and without `ignored_auth`,
#: because reads are public; wrong tokens have a separate test.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,missing_required_header,unsupported_method,"
    "allow_header_conformance"
)


@pytest.fixture
def schema(db: None) -> dict[str, Any]:
    found: dict[str, Any] = Client().get("/api/v1/schema/?format=json").json()
    return found


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in schema["paths"].items():
        for method in METHODS & set(item):
            yield method, path, item[method]


@pytest.mark.slow
@pytest.mark.case
def test_every_operation_documents_its_errors(schema: dict[str, Any]) -> None:
    for method, path, operation in operations(schema):
        documented = set(operation["responses"])
        expected = {"400", "401", "406", "429", "503"}
        if "{" in path:
            expected.add("404")
        if method == "post":
            expected |= {"409", "413", "415"}
            if path != "/api/v1/search/image/":
                expected.add("403")
        assert expected <= documented, (method, path)
        for status in expected:
            content = operation["responses"][status]["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}


@pytest.mark.case
def test_public_operations_are_marked_as_public(schema: dict[str, Any]) -> None:
    for method, path, operation in operations(schema):
        is_public = method == "get" or path == "/api/v1/search/image/"
        assert ({} in operation.get("security", [])) is is_public, (method, path)


def test_unknown_fields_are_forbidden(schema: dict[str, Any]) -> None:
    for _, path, operation in operations(schema):
        for body in operation.get("requestBody", {}).get("content", {}).values():
            name = body["schema"]["$ref"].rpartition("/")[2]
            assert schema["components"]["schemas"][name]["additionalProperties"] is False, path


@pytest.mark.drill
@pytest.mark.case
@pytest.mark.parametrize("who", ["anybody", "staff"])
def test_the_api_keeps_to_its_schema(
    transactional_db: None, live_server: Any, shop: Shopkeeper, network: EmbeddingModel, tmp_path: Path, who: str
) -> None:
    """SCHEMATHESIS_EXAMPLES=500 for a longer run."""
    shop.product("Red dress", sku="RED", slug="red-dress")
    examples = os.environ.get("SCHEMATHESIS_EXAMPLES", "10")
    command = [
        str(Path(sys.executable).parent / "st"), "run", f"{live_server.url}/api/v1/schema/?format=json",
        "--checks", CHECKS, "--seed", "1", "--max-examples", examples, "--continue-on-failure",
        "--phases", "examples,coverage,fuzzing", "--generation-database", "none", "--no-color", "--warnings", "off",
        "--suppress-health-check", "all",
    ]  # fmt: skip
    if who == "staff":
        token = Token.objects.create(user=User.objects.create_superuser("schema-keeper"))
        command += ["--header", f"Authorization: Token {token.key}"]
    report = tmp_path / "report.txt"
    with report.open("w") as file:
        ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False, cwd=tmp_path, timeout=1800)
    assert ended.returncode == 0, report.read_text()[-8000:]
