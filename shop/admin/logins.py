"""Wrong passwords lock a door for a while: for one account seen from one address, and for one address altogether.

django-axes keeps the count in the database, so that it holds for all processes and needs no broker.
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

from catalog.clients.address import client_address
from shop.requests.problems import problem

logger = logging.getLogger(__name__)

NAME_LENGTH = 150
UNKNOWN_ADDRESS = "::"  # a server on a Unix socket, with no proxy that says who is there


def login_address(request: HttpRequest) -> str:
    """`client_address` as one address: of an IPv6 network its first, which is what the database's column takes."""
    address = client_address(request).partition("/")[0]
    try:
        return str(ip_address(address))
    except ValueError:
        return UNKNOWN_ADDRESS


def login_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """The user name that was typed, cut to what an account's name can have."""
    name = (credentials or {}).get("username") or request.POST.get("username") or ""
    return str(name)[:NAME_LENGTH].replace("\0", "")


class LoginHandler(AxesDatabaseHandler):
    """With a limit of its own for an address: behind one there may be a whole office, whose slips add up, or somebody
    who tries a few passwords on each of many accounts."""

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """Counted in failures of one account: LOGIN_FAILURES of them lock."""
        return settings.LOGIN_FAILURES if self.seconds_left(request, credentials) else 0

    def seconds_left(self, request: Any, credentials: dict[str, Any] | None = None) -> float:
        """Until the door opens again; 0 where it is open."""
        username = get_client_username(request, credentials)
        recent = self.recent().filter(ip_address=request.axes_ip_address)
        account = _seconds_left(recent.filter(username=username), settings.LOGIN_FAILURES)
        return max(account, _seconds_left(recent, settings.LOGIN_FAILURES_PER_ADDRESS))

    @staticmethod
    def recent() -> QuerySet[AccessAttempt]:
        return AccessAttempt.objects.filter(attempt_time__gt=timezone.now() - _lockout())

    def reset_user_attempts(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """After a success this account's slips are forgotten, but not those of others from the same address: whoever
        has one account could go on guessing at the rest."""
        username = get_client_username(request, credentials)
        return AccessAttempt.objects.filter(ip_address=request.axes_ip_address, username=username).delete()[0]


def _seconds_left(attempts: QuerySet[AccessAttempt], limit: int) -> float:
    """Until fewer than `limit` failures are recent: they are forgotten in the order in which they came."""
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
    """The answer to a login while the door is locked, be the password right or wrong."""
    seconds = max(1, math.ceil(LoginHandler().seconds_left(request, credentials)))
    minutes = math.ceil(seconds / 60)
    message = (
        f"Too many wrong passwords. Try again in {minutes} minute{'' if minutes == 1 else 's'}, or ask whoever manages "
        "the shop's accounts to unlock yours."
    )
    response = problem(request, 429, "locked_out", message, wait=seconds, heading="Login locked for now")
    response["Cache-Control"] = "no-store"
    return response


def log_lockout(username: str | None, ip_address: str, **_: Any) -> None:
    logger.warning("Login refused for %.150r from %s: too many wrong passwords.", username or "", ip_address)


def connect() -> None:
    user_locked_out.connect(log_lockout, dispatch_uid="shop.admin.logins")


def forget_old_failures() -> int:
    """Those that no longer count; how many rows there were."""
    return AccessAttempt.objects.filter(attempt_time__lte=timezone.now() - _lockout()).delete()[0]
