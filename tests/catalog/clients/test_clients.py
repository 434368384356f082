"""A client counts as one address, however many addresses it can use."""

import pytest
from django.http import HttpRequest

from catalog.clients.address import client_address


def seen_from(address: str, forwarded: str = "") -> str:
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = address
    if forwarded:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded
    return client_address(request)


@pytest.fixture
def behind(settings):
    def set_proxies(number: int) -> None:
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": number}

    return set_proxies


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("", ""),
        ("a unix socket", "a unix socket"),
    ],
)
def test_an_address_and_all_that_its_owner_can_use_are_one_client(address: str, client: str):
    assert seen_from(address) == client


def test_without_a_proxy_nobody_can_choose_an_address(behind):
    behind(0)
    assert seen_from("203.0.113.7", "198.51.100.1") == "203.0.113.7"


def test_behind_proxies_the_outermost_one_names_the_client(behind):
    behind(1)
    assert seen_from("10.0.0.1", "192.0.2.66, 198.51.100.1") == "198.51.100.1"
    behind(2)
    assert seen_from("10.0.0.1", "192.0.2.66, 198.51.100.1, 10.0.0.2") == "198.51.100.1"
    assert seen_from("10.0.0.1", "2001:db8:1:2::5, 10.0.0.2") == "2001:db8:1:2::/64"
