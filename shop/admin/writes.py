"""Admin writes that conflict with another user's, or with a database constraint, end in a page that explains why."""

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
from django.utils.translation import gettext

from catalog.conflicts import Refusal, as_form_error, lost_a_race, refusal

if TYPE_CHECKING:
    _Base = ModelAdmin[Any]
else:
    _Base = object

TRIES = 3
MOST_DELETED = 1000  # at once: the page lists every dependent row first, and one request deletes them all


class AdminWrites(_Base):
    """Mixed into every `ModelAdmin` by `shop.admin.site`."""

    # Lists

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Django validates the filters of a URL when it builds the query, but an impossible year (`?created__year=0`)
        fails only when the query runs."""
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
        """On a conflict, the second try either finds the cause in its validation, or succeeds if the form did not cause
        the conflict (two categories got the same place in the tree). The third try shows the form again, with the
        database's reason and everything the user entered."""
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
        """A user who may delete a row may delete its dependent rows, like the embeddings of a picture, even if those
        are read-only themselves. Foreign keys protect rows that must not be deleted."""
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
            response.status_code = 403  # the page lists the protecting objects
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
            sentence = gettext("Delete at most {limit} at once. Narrow the list with a filter first.")
            messages.error(request, sentence.format(limit=f"{MOST_DELETED:,}"))
            return None
        with transaction.atomic():  # otherwise the history would list deletions that were refused
            return super().response_action(request, queryset, *where)


def _refused(error: IntegrityError | OperationalError) -> Refusal:
    """
    Raises:
        OperationalError: the error is not a conflict.
    """
    if isinstance(error, IntegrityError) or lost_a_race(error):
        return refusal(error)
    raise error


@contextmanager
def _messages_of_success_only(request: HttpRequest) -> Iterator[None]:
    """Drop the messages of a view whose transaction then fails, which may happen as late as its commit."""
    told = messages.get_messages(request)
    queued: list[Any] = getattr(told, "_queued_messages", [])
    before = len(queued)
    try:
        yield
    except (IntegrityError, OperationalError):
        del queued[before:]
        raise


def _refusing(form: type[ModelForm], model: type[Model], refused: Refusal) -> type[ModelForm]:
    """The same form, which reports the refusal unless it finds an error itself."""

    class Refusing(form):  # type: ignore[valid-type, misc]
        def full_clean(self) -> None:
            super().full_clean()
            if self.is_bound and not self.errors:
                at_fault = refused.field if refused.model is model and refused.field in self.fields else None
                self.add_error(at_fault, as_form_error(refused))

    return Refusing
