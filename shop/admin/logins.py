"""Wrong passwords lock the login for a while: for one account from one address, and for the whole address.

django-axes counts them in the database, so the count covers all processes and needs no broker.
"""

from __future__ import annotations

import logging
import math
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from axes.signals import user_locked_out
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from catalog.clients.address import client_address
from shop.requests.problems import problem

logger = logging.getLogger(__name__)

NAME_LENGTH = 150
UNKNOWN_ADDRESS = "::"  # a server on a Unix socket without a proxy that names the client


def login_address(request: HttpRequest) -> str:
    """`client_address` as one address, which the database column requires: the first of an IPv6 network."""
    address = client_address(request).partition("/")[0]
    try:
        return str(ip_address(address))
    except ValueError:
        return UNKNOWN_ADDRESS


def login_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """The user name that was entered, cut to the maximum length of account names."""
    name = (credentials or {}).get("username") or request.POST.get("username") or ""
    return str(name)[:NAME_LENGTH].replace("\0", "")


class LoginHandler(AxesDatabaseHandler):
    """Adds a separate limit for an address: it may be a whole office whose mistakes add up, or an attacker who tries a
    few passwords on each of many accounts."""

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """LOGIN_FAILURES, which lock an account, while the login is locked; else 0."""
        return settings.LOGIN_FAILURES if self.seconds_left(request, credentials) else 0

    def seconds_left(self, request: Any, credentials: dict[str, Any] | None = None) -> float:
        """Seconds until the login is unlocked; 0 if it is not locked."""
        username = get_client_username(request, credentials)
        recent = self.recent().filter(ip_address=request.axes_ip_address)
        account = _seconds_left(recent.filter(username=username), settings.LOGIN_FAILURES)
        return max(account, _seconds_left(recent, settings.LOGIN_FAILURES_PER_ADDRESS))

    @staticmethod
    def recent() -> QuerySet[AccessAttempt]:
        return AccessAttempt.objects.filter(attempt_time__gt=timezone.now() - _lockout())

    def reset_user_attempts(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """A successful login clears the failures of this account only. If it cleared all of the address, the owner of
        one account could go on guessing the passwords of others."""
        username = get_client_username(request, credentials)
        return AccessAttempt.objects.filter(ip_address=request.axes_ip_address, username=username).delete()[0]


def _seconds_left(attempts: QuerySet[AccessAttempt], limit: int) -> float:
    """Seconds until fewer than `limit` failures are recent: the oldest expire first."""
    rows = list(attempts.order_by("attempt_time").values_list("attempt_time", "failures_since_start"))
    count = sum(failures for _, failures in rows)
    for last, failures in rows:
        if count < limit:
            break
        count -= failures
        left = (last + _lockout() - timezone.now()).total_seconds()
        if count < limit:
            return max(left, 0.0)
    return 0.0


def _lockout() -> timedelta:
    return timedelta(minutes=settings.LOGIN_LOCKOUT_MINUTES)


def locked_out(request: HttpRequest, _: Any = None, credentials: dict[str, Any] | None = None) -> HttpResponse:
    """The response to a login attempt while the login is locked, whether the password is right or wrong."""
    seconds = max(1, math.ceil(LoginHandler().seconds_left(request, credentials)))
    minutes = math.ceil(seconds / 60)
    message = ngettext(
        "Too many wrong passwords. Try again in {count} minute, or ask an administrator to unlock your account.",
        "Too many wrong passwords. Try again in {count} minutes, or ask an administrator to unlock your account.",
        minutes,
    ).format(count=minutes)
    response = problem(request, 429, "locked_out", message, wait=seconds, heading=gettext("Login locked"))
    response["Cache-Control"] = "no-store"
    return response


def log_lockout(username: str | None, ip_address: str, **_: Any) -> None:
    logger.warning("Login refused for %.150r from %s: too many wrong passwords.", username or "", ip_address)


def connect() -> None:
    user_locked_out.connect(log_lockout, dispatch_uid="shop.admin.logins")


def forget_old_failures() -> int:
    """Delete failures that no longer count and return the number of rows."""
    return AccessAttempt.objects.filter(attempt_time__lte=timezone.now() - _lockout()).delete()[0]
