"""Wrong passwords lock the login for a while, and the secret key can be changed without logging anyone out."""

from __future__ import annotations

import io
import logging
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from axes.models import AccessAttempt
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from recommendations.models import EmbeddingModel
from recommendations.search.photo import PhotoForgotten, SeenPhoto, from_token
from shop.admin import logins
from shop.celery import app
from shop.tasks import forget_login_failures
from tests.shop.test_settings import manage
from tests.shopkeeper import Shopkeeper

LOGIN = "/admin/login/"


@pytest.fixture
def anna(db: None) -> User:
    return User.objects.create_user("anna", password="right", is_staff=True)


def attempt(username: str = "anna", password: str = "wrong", *, address: str = "203.0.113.7", **extra: Any) -> Any:
    return Client().post(LOGIN, {"username": username, "password": password}, REMOTE_ADDR=address, **extra)


def statuses(count: int, **attempted: Any) -> list[int]:
    return [attempt(**attempted).status_code for _ in range(count)]


@pytest.mark.slow
@pytest.mark.case
def test_wrong_passwords_lock_the_account_for_this_address(anna: User) -> None:
    assert statuses(25) == [200] * 4 + [429] * 21


@pytest.mark.slow
def test_the_answer_says_what_happened_and_when_to_come_back(anna: User, caplog: pytest.LogCaptureFixture) -> None:
    statuses(4)
    with caplog.at_level(logging.WARNING, "shop.admin.logins"):
        answer = attempt()
    assert "Too many wrong passwords. Try again in 15 minutes" in answer.content.decode()
    assert 890 <= int(answer["Retry-After"]) <= 900
    assert answer["Content-Security-Policy"]
    assert 'class="brand" href="/"' in answer.content.decode(), "the shop's header leads back to it"
    assert "Login refused for 'anna' from 203.0.113.7" in caplog.text


@pytest.mark.slow
def test_the_right_password_does_not_open_a_locked_door(anna: User) -> None:
    statuses(5)
    client = Client()
    answer = client.post(LOGIN, {"username": "anna", "password": "right"}, REMOTE_ADDR="203.0.113.7")
    assert answer.status_code == 429
    assert "_auth_user_id" not in client.session


@pytest.mark.slow
def test_others_and_the_same_account_from_elsewhere_are_not_locked_out(anna: User) -> None:
    User.objects.create_user("ben", password="right", is_staff=True)
    statuses(5)
    assert attempt(password="right", address="198.51.100.1").status_code == 302
    assert attempt("ben", "right").status_code == 302


@pytest.mark.slow
def test_a_few_passwords_on_each_of_many_accounts_lock_the_address(anna: User) -> None:
    found = [attempt(f"user{number}").status_code for number in range(22)]
    assert found == [200] * 19 + [429] * 3
    assert attempt(password="right").status_code == 429
    assert attempt(password="right", address="198.51.100.1").status_code == 302


@pytest.mark.slow
def test_other_browsers_and_other_addresses_of_one_network_count_together(anna: User) -> None:
    for number in range(4):
        assert attempt(address=f"2001:db8:1:2::{number + 1}", HTTP_USER_AGENT=f"browser {number}").status_code == 200
    assert attempt(address="2001:db8:1:2:ffff::9").status_code == 429
    assert attempt(address="2001:db8:1:3::1").status_code == 200


@pytest.mark.slow
def test_a_forwarded_address_counts_only_behind_a_proxy(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        attempt(HTTP_X_FORWARDED_FOR=f"10.0.0.{number}")
    assert attempt(HTTP_X_FORWARDED_FOR="10.0.0.99").status_code == 429
    monkeypatch.setitem(django_settings.REST_FRAMEWORK, "NUM_PROXIES", 1)
    monkeypatch.setattr("catalog.clients.address.api_settings.NUM_PROXIES", 1)
    assert attempt(HTTP_X_FORWARDED_FOR="203.0.113.7, 198.51.100.1").status_code == 200


@pytest.mark.slow
def test_a_server_that_knows_no_address_locks_too(anna: User) -> None:
    assert statuses(6, address="") == [200] * 4 + [429] * 2


@pytest.mark.slow
def test_failures_are_forgotten_after_a_success_but_not_those_of_other_accounts(anna: User) -> None:
    for number in range(16):
        attempt(f"user{number}")
    statuses(3)
    assert attempt(password="right").status_code == 302
    assert statuses(3) == [200] * 3
    assert attempt("user99").status_code == 429, "16 + 3 + 1 from this address"


@pytest.mark.slow
def test_the_door_opens_again_and_trying_on_does_not_keep_it_shut(anna: User) -> None:
    statuses(5)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14))
    locked = attempt()
    assert locked.status_code == 429
    assert 50 <= int(locked["Retry-After"]) <= 60
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert attempt(password="right").status_code == 302


@pytest.mark.slow
def test_the_limits_are_settings(anna: User, settings: Any) -> None:
    settings.LOGIN_FAILURES, settings.LOGIN_LOCKOUT_MINUTES = 2, 60
    settings.AXES_FAILURE_LIMIT = 2
    assert statuses(2) == [200, 429]
    assert int(attempt()["Retry-After"]) > 3500


@pytest.mark.slow
def test_staff_are_let_in_by_the_documented_commands(anna: User) -> None:
    statuses(5)
    listed = io.StringIO()
    call_command("axes_list_attempts", stdout=listed)
    assert "anna" in listed.getvalue()
    call_command("axes_reset_username", "anna", stdout=io.StringIO())
    assert attempt(password="right").status_code == 302
    statuses(5)
    call_command("axes_reset_ip", "203.0.113.7", stdout=io.StringIO())
    assert attempt(password="right").status_code == 302


def test_passwords_are_not_kept(anna: User) -> None:
    attempt(password="hunter2")
    row = AccessAttempt.objects.get()
    assert "hunter2" not in str(row.__dict__)


@pytest.mark.slow
def test_who_is_logged_in_stays_so_and_tokens_work(anna: User) -> None:
    session, api = Client(REMOTE_ADDR="203.0.113.7"), APIClient(REMOTE_ADDR="203.0.113.7")
    session.force_login(anna)
    api.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=anna).key}")
    statuses(6)
    assert session.get("/admin/").status_code == 200
    assert api.get("/api/v1/products/").status_code == 200


def test_the_api_takes_no_passwords(anna: User, shop: Shopkeeper) -> None:
    basic = {"HTTP_AUTHORIZATION": "Basic YW5uYTpyaWdodA=="}
    assert APIClient().post("/api/v1/products/", {}, format="json", **basic).status_code == 401
    assert not AccessAttempt.objects.exists()


@pytest.mark.parametrize("username", ["anna\0", "a" * 5000, "ännä\ud800", "' OR 1=1 --", ""])
def test_odd_usernames_are_an_ordinary_failure(anna: User, username: str) -> None:
    encoded = username.encode("utf-8", "surrogatepass")
    body = b"password=x&username=" + b"".join(b"%%%02X" % byte for byte in encoded)
    answer = Client().post(LOGIN, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200


@pytest.mark.slow
def test_old_failures_are_removed_daily(anna: User) -> None:
    statuses(2)
    attempt("ben")
    AccessAttempt.objects.filter(username="anna").update(attempt_time=timezone.now() - timedelta(minutes=16))
    forget_login_failures()
    assert [row.username for row in AccessAttempt.objects.all()] == ["ben"]
    scheduled = {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()}
    assert "shop.tasks.forget_login_failures" in scheduled
    app.loader.import_default_modules()
    assert "shop.tasks.forget_login_failures" in app.tasks
    assert django_settings.CELERY_TASK_ROUTES["shop.tasks.forget_login_failures"] == {"queue": "maintenance"}


def test_the_wait_ends_with_the_failure_that_brings_the_count_below_the_limit(anna: User, settings: Any) -> None:
    now = timezone.now()
    for minutes, failures in ((14, 3), (10, 1), (5, 2)):
        AccessAttempt.objects.create(
            username="anna", ip_address="203.0.113.7", user_agent=str(minutes), failures_since_start=failures
        )
        AccessAttempt.objects.filter(user_agent=str(minutes)).update(attempt_time=now - timedelta(minutes=minutes))
    assert round(logins._seconds_left(AccessAttempt.objects.all(), 5)) == 60
    assert round(logins._seconds_left(AccessAttempt.objects.all(), 3)) == 300
    assert logins._seconds_left(AccessAttempt.objects.all(), 7) == 0


# The secret key


@pytest.mark.slow
def test_what_a_former_key_signed_stays_valid(
    anna: User, settings: Any, plane: EmbeddingModel, shop: Shopkeeper
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "former" * 10, []
    product = shop.product()
    client = Client()
    client.force_login(anna)
    client.get(product.get_absolute_url())
    cookie = client.cookies["viewed"].value
    token = SeenPhoto(plane, np.array([1, 0, 0], np.float32)).to_token()

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, ["former" * 10]
    assert from_token(token).vector.tolist() == [1, 0, 0]
    assert client.get("/admin/").status_code == 200, "the session goes on"
    client.get(product.get_absolute_url())
    assert client.cookies["viewed"].value != cookie, "read with the former key, written with the new one"

    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(PhotoForgotten):
        from_token(token)


@pytest.mark.slow
@pytest.mark.case
def test_former_keys_come_from_the_environment_and_pass_the_deployment_checks() -> None:
    script = "from django.conf import settings; print(settings.SECRET_KEY_FALLBACKS)"
    keys = {"SECRET_KEY": "k" * 60 + "abcdefgh", "SECRET_KEY_FALLBACKS": f"{'o' * 60}abcdefgh, {'p' * 60}abcdefgh"}
    done = manage("shell", "--no-imports", "-c", script, **keys)
    assert done.stdout.strip() == str([f"{'o' * 60}abcdefgh", f"{'p' * 60}abcdefgh"]), done.stderr
    done = manage("check", "--deploy", "--fail-level", "WARNING", **keys)
    assert done.returncode == 0, done.stderr
    done = manage("shell", "--no-imports", "-c", script, SECRET_KEY="x", SECRET_KEY_FALLBACKS="")
    assert done.stdout.strip() == "[]"
