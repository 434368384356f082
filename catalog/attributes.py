"""Attributes of products besides their columns: `{"colour": "Navy Blue", "sizes": ["38", "40"], "lined": true}`.

Model, admin, API, importers and a CHECK constraint of the database all apply the same rule.
"""

from __future__ import annotations

import json
import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import BooleanField, Func, Q
from django.utils.translation import gettext as _

MOST = 100  # attributes per product, and texts per list
NAME_LENGTH = 100
TEXT_LENGTH = 1000
#: Characters of all attributes as JSON. Postgres indexes at most a megabyte of search text, description included.
TOTAL_LENGTH = 20_000
LARGEST, SMALLEST = 10**15, 1e-15  # numbers that a double represents exactly enough

#: Columns of products that may also be attributes.
COLUMNS = ("condition", "size")
KINDS = "text, a number, true, false or a list of texts"


class AreAttributes(Func):
    """Whether a jsonb column contains an object of texts, numbers, booleans and lists of texts."""

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
        ValidationError: names the attribute and what it may be.
    """
    if not isinstance(value, dict):
        raise ValidationError(_('Enter a JSON object, for example {"colour": "Navy Blue"}.'), "not_an_object")
    if len(value) > MOST:
        message = _("%(count)d attributes; at most %(most)d are allowed.")
        raise ValidationError(message % {"count": len(value), "most": MOST}, "too_many_attributes")
    for name, entry in value.items():
        if not isinstance(name, str) or not name.strip() or len(name) > NAME_LENGTH:
            message = _("Attribute names must have 1 to %(most)d characters.") % {"most": NAME_LENGTH}
            raise ValidationError(message, "bad_attribute_name")
        _check_text(name, name)
        _check(name, entry)
    if len(json.dumps(value, ensure_ascii=False)) > TOTAL_LENGTH:
        message = _("All attributes together are longer than %(most)s characters.") % {"most": f"{TOTAL_LENGTH:,}"}
        raise ValidationError(message, "too_long")


def parse_attributes(text: str) -> Any:
    """Strict JSON: no NaN or Infinity, no repeated name.

    Raises:
        ValidationError
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_without_repeats)
    except RecursionError as error:
        raise ValidationError(_("This JSON is nested too deeply."), "bad_attribute") from error
    except json.JSONDecodeError as error:
        message = _("This is not valid JSON: %(problem)s (line %(line)d, column %(column)d).")
        where = {"problem": error.msg, "line": error.lineno, "column": error.colno}
        raise ValidationError(message % where, "invalid_json") from error
    except ValueError as error:  # a number of thousands of digits
        raise ValidationError(_("A number has too many digits."), "bad_attribute") from error


def text_of(value: Any) -> str:
    """An attribute's value for people; empty if there is nothing to show."""
    if isinstance(value, list):
        return ", ".join(str(entry) for entry in value)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return "" if value is None else str(value)


def attribute_is(name: str, text: str, *, prefix: str = "") -> Q:
    """A condition for `filter`: the attribute equals this text, number or boolean, or is a list with this text.

    It uses containment only, which the index supports. Condition and size may also be in their columns.

    Args:
        prefix: the path from the filtered rows to their product, e.g. "image__product__".
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
    """Attributes stored before the rule existed, changed as little as it requires."""
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


def described(attributes: dict[str, Any]) -> list[tuple[str, str]]:
    """Attributes as labels and values: `{"sleeve_length": "Long"}` gives "Sleeve length", "Long"."""
    return [
        (_("Colour") if name == "colour" else name.replace("_", " ").capitalize(), text)
        for name, value in sorted(attributes.items())
        if (text := text_of(value))
    ]


def _check(name: str, entry: Any) -> None:
    if isinstance(entry, str):
        _check_text(name, entry)
    elif isinstance(entry, bool):
        return
    elif isinstance(entry, int | float):
        if entry and not SMALLEST <= abs(entry) <= LARGEST:  # NaN is not either
            message = _('The number in "%(name)s" is too large or too small.') % {"name": name}
            raise ValidationError(message, "bad_attribute")
    elif isinstance(entry, list):
        if len(entry) > MOST or not all(isinstance(item, str) for item in entry):
            message = _('"%(name)s" must be text, a number, true, false or a list of at most %(most)d texts.')
            raise ValidationError(message % {"name": name, "most": MOST}, "bad_attribute")
        for item in entry:
            _check_text(name, item)
    else:
        message = _('"%(name)s" must be text, a number, true, false or a list of texts.') % {"name": name}
        raise ValidationError(message, "bad_attribute")


def _check_text(name: str, text: str) -> None:
    if len(text) > TEXT_LENGTH:
        message = _('"%(name)s" is longer than %(most)s characters.')
        raise ValidationError(message % {"name": name[:NAME_LENGTH], "most": f"{TEXT_LENGTH:,}"}, "too_long")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        message = _("%(name)s contains a character that cannot be stored.") % {"name": json.dumps(name)}
        raise ValidationError(message, "bad_text")


def _refuse_constant(constant: str) -> Any:
    raise ValidationError(_("%(constant)s is not a JSON number.") % {"constant": constant}, "bad_attribute")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValidationError(_('"%(name)s" appears twice.') % {"name": twice}, "bad_attribute")
    return found
