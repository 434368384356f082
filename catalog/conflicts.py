"""Turns the database's refusals into messages about the fields of a form or request.

Forms and serializers check whether a value is taken, but another request may take it before the write. Only the
database's constraints decide. This module explains the refusals of every constraint of every model, for the API
(`shop.requests.errors`) and the admin (`shop.admin.writes`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.db.models import BaseConstraint, Model
from django.db.models.deletion import ProtectedError, RestrictedError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg import errors
from psycopg.errors import Diagnostic

AT_ONCE = gettext_lazy("Someone else changed this at the same time. Try again.")
_KEY = re.compile(r"\(([^()=]+)\)=\(")  # "Key (sku)=(A17) already exists.", whatever the server's language


@dataclass(frozen=True)
class Refusal:
    """Attributes:
    message: a sentence for the sender of the values.
    code: "unique", "gone" (a referenced row was deleted), "in_use", "not_allowed", "null" or "conflict".
    model: the model of the refused row, if known.
    fields: names of the fields at fault; empty if none is.
    """

    message: str
    code: str
    model: type[Model] | None = None
    fields: tuple[str, ...] = ()

    @property
    def field(self) -> str | None:
        """The field at fault, if there is exactly one."""
        return self.fields[0] if len(self.fields) == 1 else None


def refusal(error: Exception) -> Refusal:
    """Why a constraint refused a row, from the error's diagnostics, without a query.

    Args:
        error: an IntegrityError, or one that `lost_a_race`.
    """
    if isinstance(error, ProtectedError | RestrictedError):
        return Refusal(_in_use(error), "in_use")
    cause = error.__cause__
    if not isinstance(cause, errors.IntegrityError):
        return Refusal(str(AT_ONCE), "conflict")
    model = _model_of(cause.diag.table_name)
    if model is None:
        return Refusal(str(AT_ONCE), "conflict")
    if isinstance(cause, errors.UniqueViolation):
        return _taken(model, cause.diag)
    if isinstance(cause, errors.ForeignKeyViolation):
        return _dangling(model, cause.diag)
    if isinstance(cause, errors.CheckViolation):
        named = _constraint(model, cause.diag)
        return Refusal(_own_message(named) or _("These values cannot be combined."), "not_allowed", model)
    if isinstance(cause, errors.NotNullViolation):
        return Refusal(_("This field cannot be empty."), "null", model, _fields(model, [cause.diag.column_name or ""]))
    return Refusal(str(AT_ONCE), "conflict", model)


def lost_a_race(error: Exception) -> bool:
    """Whether the database aborted this transaction in favour of another one, so that it may be repeated."""
    return isinstance(error, OperationalError) and isinstance(
        error.__cause__, errors.DeadlockDetected | errors.SerializationFailure
    )


def _taken(model: type[Model], diag: Diagnostic) -> Refusal:
    fields = _fields(model, _columns(diag))
    message = _own_message(_constraint(model, diag))
    if not message and fields:
        message = " ".join(model().unique_error_message(model, fields).messages)
    exists = _("This %(name)s already exists.") % {"name": model._meta.verbose_name}
    return Refusal(message or exists, "unique", model, fields)


def _dangling(model: type[Model], diag: Diagnostic) -> Refusal:
    """A foreign key violation, from either end. `model` is the one with the foreign key."""
    fields = tuple(name for name in _fields(model, _columns(diag)) if model._meta.get_field(name).is_relation)
    if not fields:
        return Refusal(_used_by(str(model._meta.verbose_name_plural)), "in_use", model)
    named = model._meta.get_field(fields[0]).related_model
    what = named._meta.verbose_name if isinstance(named, type) else _("row")
    message = _("This %(name)s was just deleted. Choose another one.") % {"name": what}
    return Refusal(message, "gone", model, fields)


def _in_use(error: ProtectedError | RestrictedError) -> str:
    users = error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
    names = sorted({str(user._meta.verbose_name_plural) for user in users})
    return _used_by(*names)


def _used_by(*names: str) -> str:
    return _("Still in use by %(names)s.") % {"names": ", ".join(names)}


def _model_of(table: str | None) -> type[Model] | None:
    models = apps.get_models(include_auto_created=True)
    return next((model for model in models if model._meta.db_table == table and not model._meta.proxy), None)


def _columns(diag: Diagnostic) -> list[str]:
    found = _KEY.search(diag.message_detail or "")
    return [column.strip().strip('"') for column in found[1].split(",")] if found else []


def _fields(model: type[Model], columns: list[str]) -> tuple[str, ...]:
    names = {field.column: field.name for field in model._meta.concrete_fields}
    return tuple(names[column] for column in columns if column in names)


def _constraint(model: type[Model], diag: Diagnostic) -> BaseConstraint | None:
    return next((each for each in model._meta.constraints if each.name == diag.constraint_name), None)


def _own_message(constraint: BaseConstraint | None) -> str:
    """The model's own message for this constraint; empty if it uses Django's."""
    if constraint is None or constraint.violation_error_message == constraint.default_violation_error_message:
        return ""
    return str(constraint.get_violation_error_message())


def as_form_error(refused: Refusal) -> ValidationError:
    return ValidationError(refused.message, code=refused.code)
