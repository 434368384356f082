"""More ways to use a test's own shop than `tests.faults.own_shop` has."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import unescape
from typing import Any

from tests.faults.own_shop import OwnShop, Reply, Web

BOUNDARY = "frontier"


def ask(shop: OwnShop, call: str, **environment: str) -> Any:
    """Run one function of `tests.faults.inside.poisoned` and return its answer."""
    code = f"from tests.faults.inside import poisoned; poisoned.{call}"
    return json.loads(shop.manage("shell", "-v", "0", "-c", code, **environment).splitlines()[-1])


def form(fields: Sequence[tuple[str, str | bytes]]) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a form; bytes become a file."""
    parts = []
    for name, value in fields:
        file = '; filename="photo.jpg"\r\nContent-Type: image/jpeg' if isinstance(value, bytes) else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        parts.append(head + (value if isinstance(value, bytes) else value.encode()) + b"\r\n")
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def search_photo(web: Web, data: bytes, **headers: str) -> Reply:
    body, own = form([("photo", data)])
    return web.request("POST", "/api/v1/search/image/", body, own | headers)


class Staff:
    """A user signed in to the admin."""

    def __init__(self, shop: OwnShop, web: Web) -> None:
        self.web = web
        token = "t" * 32
        self.headers = {"Cookie": f"sessionid={ask(shop, 'sign_in()')}; csrftoken={token}"}
        self.token = token

    def add_to_product(self, pk: int, *pictures: bytes) -> Reply:
        """Submit the product's form unchanged, with these pictures."""
        path = f"/admin/catalog/product/{pk}/change/"
        page = self.web.request("GET", path, headers=self.headers)
        assert page.status == 200, page.body
        fields = [(name, value) for name, value in filled_in(page.body) if name != "csrfmiddlewaretoken"]
        fields += [("csrfmiddlewaretoken", self.token), ("_continue", "1")]
        body, headers = form([*fields, *(("new_pictures", data) for data in pictures)])
        return self.web.request("POST", path, body, self.headers | headers)

    def follow(self, reply: Reply) -> Reply:
        """The page after a form, with its messages, which may be in a cookie."""
        headers = dict(self.headers)
        if set_cookie := reply.headers.get("Set-Cookie"):
            headers["Cookie"] += "; " + set_cookie.partition(";")[0]
        return self.web.request("GET", reply.headers["Location"], headers=headers)


def filled_in(page: str) -> list[tuple[str, str]]:
    """Names and values of a page's form fields, as a browser would send them."""
    fields = []
    for tag in re.findall(r"<input\b[^>]*>", page):
        found = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        kind, name = found.get("type", "text"), found.get("name", "")
        if not name or kind in ("file", "submit") or "__prefix__" in name:
            continue
        if kind not in ("checkbox", "radio") or re.search(r"\bchecked\b", tag):
            fields.append((name, found.get("value", "")))
    for name, text in re.findall(r'<textarea\b[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', page, re.S):
        fields.append((name, unescape(text).lstrip("\r\n")))
    for name, options in re.findall(r'<select\b[^>]*name="([^"]*)"[^>]*>(.*?)</select>', page, re.S):
        if "__prefix__" not in name:
            chosen = re.findall(r'<option\b[^>]*value="([^"]*)"[^>]*\bselected\b', options)
            fields += [(name, unescape(value)) for value in chosen]
    return [(name, value) for name, value in fields if "__prefix__" not in name]
