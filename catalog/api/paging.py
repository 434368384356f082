"""Pages of product lists: newest first, or the best results of a search first."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from catalog.models import Product
from catalog.querysets import ProductQuerySet
from catalog.search.finding import Found, in_order

NOWHERE = Cursor(0, False, None)  # REST framework's result for text that is not a cursor


class NewestFirst(CursorPagination):
    """`ProductListParameters` has validated `limit` and `cursor`."""

    ordering = "-id"

    def get_page_size(self, request: Request) -> int:
        return int(request.query_params.get("limit") or self.page_size or 0)

    def decode_cursor(self, request: Request) -> Any:
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            cursor = NOWHERE
        position = "0" if cursor is None or cursor.position is None else str(cursor.position)
        if cursor == NOWHERE or not re.fullmatch("[0-9]{1,18}", position):
            raise not_a_cursor()
        return cursor

    def get_schema_operation_parameters(self, view: object) -> list[dict[str, Any]]:
        return []


def not_a_cursor() -> ValidationError:
    return ValidationError({"cursor": [ErrorDetail("This is not a cursor from this list.", "invalid")]})


class ProductPages(NewestFirst):
    """The pages of a search: first the ranked products, then the rest, newest first.

    A cursor is `best.NEWEST.PLACE.ID` or `rest.NEWEST.ID`, or `back.NEWEST.ID` for the page before. NEWEST is the
    newest product of the first page: later ones appear in no further page, so none repeats.
    """

    _found: Found | None = None
    _next: str | None = None
    _previous: str | None = None

    def _cursor(self, request: Request) -> tuple[str, int, int, int]:
        """Which part, the newest product or 0, the place, and the id next to it."""
        text = request.query_params.get(self.cursor_query_param)
        if text is None:
            return "best", 0, 0, 0
        matched = re.fullmatch(r"(best|rest|back)\.([0-9]{1,18})\.(?:([0-9]{1,5})\.)?([0-9]{1,18})", text)
        if matched is None or (matched[3] is None) == (matched[1] == "best"):
            raise not_a_cursor()
        return matched[1], int(matched[2]), int(matched[3] or 0), int(matched[4])

    def of_today(self, products: ProductQuerySet, request: Request) -> ProductQuerySet:
        """Without products that were added since the first page."""
        newest = self._cursor(request)[1]
        return products.filter(pk__lte=newest) if newest else products

    def paginate_found(
        self, found: Found, products: QuerySet[Product], request: Request, view: object
    ) -> list[Product]:
        """
        Raises:
            ValidationError: `cursor` is not from this list.
        """
        part, newest, place, pk = self._cursor(request)
        self._found, self.request = found, request
        limit = self.get_page_size(request)
        newest = newest or max(found.ids, default=0)
        if part == "best":
            # After the last product of the page before, wherever it is now.
            start = found.ids.index(pk) + 1 if pk in found.ids else min(place, len(found.ids))
            end = start + limit
            page = in_order(products, found.ids[start:end])
            if end < len(found.ids):
                self._next = f"best.{newest}.{end}.{found.ids[end - 1]}"
            elif found.rest is not None:
                self._next = f"rest.{newest}.{found.oldest}"
            if start:
                self._previous = self._best(found, newest, max(0, start - limit))
            return page
        if found.rest is None:
            return []
        if part == "back":
            ids = list(found.rest.filter(pk__gt=pk).order_by("id").values_list("pk", flat=True)[:limit])[::-1]
            more = True
        else:
            ids = list(found.rest.filter(pk__lt=pk).values_list("pk", flat=True)[: limit + 1])
            more, ids = len(ids) > limit, ids[:limit]
        if ids and more:
            self._next = f"rest.{newest}.{ids[-1]}"
        first = ids[0] if ids else pk
        if ids and found.rest.filter(pk__gt=first).exists():
            self._previous = f"back.{newest}.{first}"
        else:
            self._previous = self._best(found, newest, max(0, len(found.ids) - limit))
        return in_order(products, ids)

    @staticmethod
    def _best(found: Found, newest: int, start: int) -> str:
        """The ranked page from this place; empty for the first one, which needs no cursor."""
        return f"best.{newest}.{start}.{found.ids[start - 1]}" if start else ""

    def get_paginated_response(self, data: Any) -> Response:
        if self._found is None:
            return super().get_paginated_response(data)
        return Response(
            {
                "next": self._link(self._next),
                "previous": self._link(self._previous),
                "corrected": self._found.corrected or None,
                "partial": self._found.partial,
                "results": data,
            }
        )

    def _link(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        url = self.request.build_absolute_uri()
        if not cursor:
            return remove_query_param(url, self.cursor_query_param)
        return replace_query_param(url, self.cursor_query_param, cursor)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described = super().get_paginated_response_schema(schema)
        described["properties"] |= {
            "corrected": {
                "type": "string",
                "nullable": True,
                "description": "Only with `q`. What was searched for, if no product contains the words as typed.",
            },
            "partial": {
                "type": "boolean",
                "description": "Only with `q`. Whether no product contains all words, and these contain some.",
            },
        }
        return described
