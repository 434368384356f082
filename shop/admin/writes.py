"""Writes of the admin that meet somebody else's, or what the database forbids: always a page that says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters, ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from catalog.conflicts import Refusal, as_form_error, lost_a_race, refusal

if TYPE_CHECKING:
    _Base = ModelAdmin[Any]
else:
    _Base = object

TRIES = 3
MOST_DELETED = 1000  # at once: all that goes along is listed first, and one request deletes it


class AdminWrites(_Base):
    """Mixed into every `ModelAdmin` by `shop.admin.site`."""

    # Lists

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Django checks what an address filters by when it builds the query, but a year that no date has
        (`?created__year=0`) is noticed when the query runs."""
        try:
            return super().get_changelist_instance(request)
        except (OverflowError, ValueError) as error:
            raise IncorrectLookupParameters(error) from error

    # Saving

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return self._save_or_say_why(
            request, lambda: super(AdminWrites, self).add_view(request, form_url, extra_context)
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return self._save_or_say_why(
            request, lambda: super(AdminWrites, self).change_view(request, object_id, form_url, extra_context)
        )

    def _save_or_say_why(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        """The second try either finds in its validation what came between, or succeeds, where the form had no part in
        the conflict (two categories that were given the same place in the tree). The third shows the form with what
        the database says, and all that was typed."""
        for number in range(TRIES):
            try:
                with _messages_of_success_only(request):
                    return view()
            except (IntegrityError, OperationalError) as error:
                refused = _refused(error)
                if number == TRIES - 1:
                    messages.error(request, refused.message)
            for _, files in request.FILES.lists():
                for file in files:
                    file.seek(0)
            if number == TRIES - 2:
                request.refused = refused  # type: ignore[attr-defined]
        return HttpResponseRedirect(request.get_full_path())

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:
        form: type[ModelForm] = super().get_form(request, obj, change=change, **kwargs)
        refused = getattr(request, "refused", None)
        return form if refused is None else _refusing(form, self.model, refused)

    # Deleting

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Whoever may delete a row may delete what exists only beside it, such as the vectors of a picture, be that
        read-only by itself. What must outlive it is protected by its foreign key."""
        listed, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return listed, counts, lacking & {self.opts.verbose_name}, protected

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            with _messages_of_success_only(request):
                response = super().delete_view(request, object_id, extra_context)
        except (IntegrityError, OperationalError) as error:
            messages.error(request, _refused(error).message)
            return HttpResponseRedirect(request.get_full_path())
        if request.method == "POST" and getattr(response, "context_data", {}).get("protected"):
            response.status_code = 403  # the page says by what it is protected
        return response

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        try:
            with _messages_of_success_only(request):
                return super().changelist_view(request, extra_context)
        except (IntegrityError, OperationalError) as error:
            if request.method != "POST":
                raise
            messages.error(request, _refused(error).message)
            return HttpResponseRedirect(request.get_full_path())

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *where: Any) -> HttpResponse | None:
        if "delete_selected" not in request.POST.getlist("action"):
            return super().response_action(request, queryset, *where)
        if request.POST.get("select_across") == "1" and queryset[: MOST_DELETED + 1].count() > MOST_DELETED:
            messages.error(request, f"Delete at most {MOST_DELETED:,} at once. Narrow the list with a filter first.")
            return None
        with transaction.atomic():  # or the history would tell of deletions that were refused
            return super().response_action(request, queryset, *where)


def _refused(error: IntegrityError | OperationalError) -> Refusal:
    """
    Raises:
        OperationalError: it is no conflict.
    """
    if isinstance(error, IntegrityError) or lost_a_race(error):
        return refusal(error)
    raise error


@contextmanager
def _messages_of_success_only(request: HttpRequest) -> Iterator[None]:
    """What a view told the user is dropped if its transaction then fails, at its commit perhaps."""
    told = messages.get_messages(request)
    queued: list[Any] = getattr(told, "_queued_messages", [])
    before = len(queued)
    try:
        yield
    except (IntegrityError, OperationalError):
        del queued[before:]
        raise


def _refusing(form: type[ModelForm], model: type[Model], refused: Refusal) -> type[ModelForm]:
    """The same form, which says so unless it has found something wrong by itself."""

    class Refusing(form):  # type: ignore[valid-type, misc]
        def full_clean(self) -> None:
            super().full_clean()
            if self.is_bound and not self.errors:
                at_fault = refused.field if refused.model is model and refused.field in self.fields else None
                self.add_error(at_fault, as_form_error(refused))

    return Refusing
