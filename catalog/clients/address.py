"""Which client a request comes from, for limits and fair sharing by client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import IPv6Address, ip_address, ip_network

from django.http import HttpRequest
from rest_framework.settings import api_settings

#: IPv6 subscribers get a whole network of this size and can use any address in it.
IPV6_PREFIX = 64
_served: ContextVar[str | None] = ContextVar("served", default=None)


@contextmanager
def served(client: str) -> Iterator[None]:
    """Code inside runs for this client, who waits for an answer."""
    token = _served.set(client)
    try:
        yield
    finally:
        _served.reset(token)


def served_client() -> str | None:
    """The client this thread works for; None in workers and commands, where nobody waits."""
    return _served.get()


def client_address(request: HttpRequest) -> str:
    """The network address that counts as one client: an IPv4 address, or the /64 network of an IPv6 address.

    Behind NUM_PROXIES proxies it is the address that the outermost one saw: that many places from the end of
    X-Forwarded-For. Entries that the client wrote are further left and ignored.

    Returns:
        "203.0.113.7" or "2001:db8:1:2::/64". Text that is not an address is returned unchanged, as one client.
    """
    address = request.META.get("REMOTE_ADDR", "")
    proxies = api_settings.NUM_PROXIES or 0
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if proxies and forwarded:
        address = forwarded[-min(proxies, len(forwarded))]
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), IPV6_PREFIX), strict=False))
