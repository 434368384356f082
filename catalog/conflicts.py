"""What the database refused, said of the fields of the form or request that asked for it.

Forms and serializers ask first whether a value is taken, but between their question and the write somebody else may
take it. Only the database's constraints decide, and this module reads what they say: one place for every constraint
of every model, for the API (`shop.requests.errors`) and the admin (`shop.admin.writes`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.db.models import BaseConstraint, Model
from django.db.models.deletion import ProtectedError, RestrictedError
from psycopg import errors
from psycopg.errors import Diagnostic

AT_ONCE = "Somebody else changed this at the same time. Please try again."
_KEY = re.compile(r"\(([^()=]+)\)=\(")  # "Key (sku)=(A17) already exists.", in whatever language the server speaks


@dataclass(frozen=True)
class Refusal:
    """Attributes:
    message: a sentence for whoever sent the values.
    code: "unique", "gone" (what a value names was deleted), "in_use", "not_allowed", "null" or "conflict".
    model: whose row was refused, where that is known.
    fields: of this model, by name; empty where no field alone is at fault.
    """

    message: str
    code: str
    model: type[Model] | None = None
    fields: tuple[str, ...] = ()

    @property
    def field(self) -> str | None:
        """The one field at fault, if there is one."""
        return self.fields[0] if len(self.fields) == 1 else None


def refusal(error: Exception) -> Refusal:
    """Why a constraint refused a row, from the database's own diagnosis; asks the database nothing.

    Args:
        error: an IntegrityError, or one that `lost_a_race`.
    """
    if isinstance(error, ProtectedError | RestrictedError):
        return Refusal(_in_use(error), "in_use")
    cause = error.__cause__
    if not isinstance(cause, errors.IntegrityError):
        return Refusal(AT_ONCE, "conflict")
    model = _model_of(cause.diag.table_name)
    if model is None:
        return Refusal(AT_ONCE, "conflict")
    if isinstance(cause, errors.UniqueViolation):
        return _taken(model, cause.diag)
    if isinstance(cause, errors.ForeignKeyViolation):
        return _dangling(model, cause.diag)
    if isinstance(cause, errors.CheckViolation):
        named = _constraint(model, cause.diag)
        return Refusal(_own_message(named) or "These values do not go together.", "not_allowed", model)
    if isinstance(cause, errors.NotNullViolation):
        return Refusal("This field cannot be empty.", "null", model, _fields(model, [cause.diag.column_name or ""]))
    return Refusal(AT_ONCE, "conflict", model)


def lost_a_race(error: Exception) -> bool:
    """Whether the database ended this transaction in favour of another one: the same again will do."""
    return isinstance(error, OperationalError) and isinstance(
        error.__cause__, errors.DeadlockDetected | errors.SerializationFailure
    )


def _taken(model: type[Model], diag: Diagnostic) -> Refusal:
    fields = _fields(model, _columns(diag))
    message = _own_message(_constraint(model, diag))
    if not message and fields:
        message = " ".join(model().unique_error_message(model, fields).messages)
    return Refusal(message or f"There is such a {model._meta.verbose_name} already.", "unique", model, fields)


def _dangling(model: type[Model], diag: Diagnostic) -> Refusal:
    """A foreign key, seen from either end; `model` is always the one that has it."""
    fields = tuple(name for name in _fields(model, _columns(diag)) if model._meta.get_field(name).is_relation)
    if not fields:
        return Refusal(f"It is still used by {model._meta.verbose_name_plural}.", "in_use", model)
    named = model._meta.get_field(fields[0]).related_model
    what = named._meta.verbose_name if isinstance(named, type) else "row"
    return Refusal(f"This {what} was just deleted. Please choose another one.", "gone", model, fields)


def _in_use(error: ProtectedError | RestrictedError) -> str:
    users = error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
    names = sorted({str(user._meta.verbose_name_plural) for user in users})
    return f"It is still used by {' and '.join(names)}."


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
    """What the model says of this constraint; empty where it leaves that to Django."""
    if constraint is None or constraint.violation_error_message == constraint.default_violation_error_message:
        return ""
    return str(constraint.get_violation_error_message())


def as_form_error(refused: Refusal) -> ValidationError:
    return ValidationError(refused.message, code=refused.code)
