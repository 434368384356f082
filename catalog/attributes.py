"""What is known of a product beside its columns: `{"colour": "Navy Blue", "sizes": ["38", "40"], "lined": true}`.

One rule for every door: model, admin, API, importers, and a CHECK constraint of the database.
"""

from __future__ import annotations

import json
import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import BooleanField, Func, Q

MOST = 100  # attributes of a product, and texts of a list
NAME_LENGTH = 100
TEXT_LENGTH = 1000
#: Characters of all of them as JSON. Postgres takes a megabyte of search text, description included.
TOTAL_LENGTH = 20_000
LARGEST, SMALLEST = 10**15, 1e-15  # what a double holds without surprises

#: What is known about a product in columns of its own, and may also be an attribute.
COLUMNS = ("condition", "size")
KINDS = "text, a number, true, false or a list of texts"


class AreAttributes(Func):
    """Whether a jsonb column is an object of texts, numbers, booleans and lists of texts."""

    function = "jsonb_path_match"
    template = (
        '%(function)s(%(expressions)s, \'strict $.type() == "object"'
        ' && !(exists ($.* ? (@.type() == "object" || @.type() == "null")))'
        ' && !(exists ($.* ? (@.type() == "array")[*] ? (@.type() != "string")))\', \'{}\', true)'
    )
    arity = 1
    output_field = BooleanField()


def validate_attributes(value: Any) -> None:
    """
    Raises:
        ValidationError: names the attribute, and what it may be.
    """
    if not isinstance(value, dict):
        raise ValidationError('This must be an object, for instance {"colour": "Navy Blue"}.', "not_an_object")
    if len(value) > MOST:
        raise ValidationError(f"{len(value)} attributes; at most {MOST} are allowed.", "too_many_attributes")
    for name, entry in value.items():
        if not isinstance(name, str) or not name.strip() or len(name) > NAME_LENGTH:
            raise ValidationError(f"An attribute's name has 1 to {NAME_LENGTH} characters.", "bad_attribute_name")
        _check_text(name, name)
        _check(name, entry)
    if len(json.dumps(value, ensure_ascii=False)) > TOTAL_LENGTH:
        raise ValidationError(f"Longer than {TOTAL_LENGTH:,} characters in all.", "too_long")


def parse_attributes(text: str) -> Any:
    """Strict JSON: no NaN or Infinity, no name twice.

    Raises:
        ValidationError
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_without_repeats)
    except RecursionError as error:
        raise ValidationError("Too deeply nested.", "bad_attribute") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValidationError(f"This is not JSON: {error.msg} ({where}).", "invalid_json") from error
    except ValueError as error:  # a number of thousands of digits
        raise ValidationError("This holds a number with too many digits.", "bad_attribute") from error


def text_of(value: Any) -> str:
    """An attribute's value for people; empty where there is nothing to show."""
    if isinstance(value, list):
        return ", ".join(str(entry) for entry in value)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return "" if value is None else str(value)


def attribute_is(name: str, text: str, *, prefix: str = "") -> Q:
    """For `filter`: the attribute is this text, this number, this truth value, or a list with this text in it.

    Containment throughout, because it has an index. Condition and size may also be in their columns.

    Args:
        prefix: from the rows that are filtered to their product, e.g. "image__product__".
    """
    forms: list[Any] = [text, [text]]
    if re.fullmatch(r"-?[0-9]{1,16}", text):
        forms.append(int(text))
    elif re.fullmatch(r"-?[0-9]{1,16}\.[0-9]{1,16}", text):
        forms.append(float(text))
    elif text in {"true", "false"}:
        forms.append(text == "true")
    found = Q()
    for form in forms:
        found |= Q(**{f"{prefix}attributes__contains": {name: form}})
    return found | Q(**{f"{prefix}{name}": text}) if name in COLUMNS and text else found


def mended(value: Any) -> dict[str, Any]:
    """What was stored before there was a rule, as near to it as the rule allows."""
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, dict):  # JSON that was encoded twice
            value = parsed
    if not isinstance(value, dict):
        value = {"other": value}
    found = {name: _mended_entry(entry) for name, entry in value.items()}
    return {name: entry for name, entry in found.items() if entry is not None}


def _mended_entry(entry: Any) -> Any:
    if isinstance(entry, dict):
        return json.dumps(entry, ensure_ascii=False)
    if isinstance(entry, list):
        return [
            item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
            for item in entry
            if item is not None
        ]
    return entry


def _check(name: str, entry: Any) -> None:
    if isinstance(entry, str):
        _check_text(name, entry)
    elif isinstance(entry, bool):
        return
    elif isinstance(entry, int | float):
        if entry and not SMALLEST <= abs(entry) <= LARGEST:  # NaN is not either
            raise ValidationError(f'"{name}" holds a number that is too large or too small.', "bad_attribute")
    elif isinstance(entry, list):
        if len(entry) > MOST or not all(isinstance(item, str) for item in entry):
            raise ValidationError(f'"{name}" must be {KINDS} (at most {MOST}).', "bad_attribute")
        for item in entry:
            _check_text(name, item)
    else:
        raise ValidationError(f'"{name}" must be {KINDS}.', "bad_attribute")


def _check_text(name: str, text: str) -> None:
    if len(text) > TEXT_LENGTH:
        raise ValidationError(f'"{name[:NAME_LENGTH]}" is longer than {TEXT_LENGTH:,} characters.', "too_long")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValidationError(f"{json.dumps(name)} holds a character that cannot be stored.", "bad_text")


def _refuse_constant(constant: str) -> Any:
    raise ValidationError(f"{constant} is not a number in JSON.", "bad_attribute")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValidationError(f'"{twice}" is there twice.', "bad_attribute")
    return found
