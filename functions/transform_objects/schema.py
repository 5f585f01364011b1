"""The JSON Schema that records have to satisfy, if there is one."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from object_consumer import ObjectStore, PermanentError, SettingError, settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jsonschema.protocols import Validator

_TYPED = frozenset({"integer", "number", "boolean"})
_SHOWN_ERRORS = 3


class SchemaError(PermanentError):
    """A record does not satisfy the schema; the message names record, path and rule."""


class Schema:
    """What records have to satisfy; without a validator everything does.

    Attributes
    ----------
    column_types
        The columns of CSV that the schema says are no text, with their types.
    """

    def __init__(
        self, validator: Validator | None = None, column_types: Mapping[str, str] | None = None
    ) -> None:
        self.column_types = dict(column_types or {})
        self._validator = validator

    def validate(self, records: Sequence[msgspec.Raw]) -> None:
        """Check every record.

        Raises
        ------
        SchemaError
            Some record fails; the first three failures are named.
        """
        if self._validator is None:
            return
        failures = []
        for number, record in enumerate(records, start=1):
            for error in self._validator.iter_errors(_decoder.decode(record)):
                failures.append(f"record {number}, {error.json_path}: {error.message}")
                if len(failures) == _SHOWN_ERRORS:
                    break
            if len(failures) == _SHOWN_ERRORS:
                break
        if failures:
            raise SchemaError("; ".join(failures))


def load_schema() -> Schema:
    """Read the schema that JSON_SCHEMA holds, or JSON_SCHEMA_URI points to.

    Raises
    ------
    SettingError
        It can't be read, does not parse, or is no valid schema; the message names the variable.
    """
    text, uri = settings.text("JSON_SCHEMA", ""), settings.text("JSON_SCHEMA_URI", "")
    if text and uri:
        raise SettingError("set JSON_SCHEMA or JSON_SCHEMA_URI, not both")
    if not text and not uri:
        return Schema()
    name = "JSON_SCHEMA" if text else "JSON_SCHEMA_URI"
    try:
        return make_schema(text.encode() if text else bytes(ObjectStore().read(uri)))
    except Exception as error:
        raise SettingError(
            f"environment variable {name}: no usable JSON Schema: {error}"
        ) from error


def make_schema(text: bytes) -> Schema:
    """Make a schema of its text, of whichever draft its ``$schema`` names (2020-12 by default)."""
    # Imported only here: it takes longer than all else together.
    from jsonschema.validators import Draft202012Validator, validator_for  # noqa: PLC0415

    document = msgspec.json.decode(text)
    kind = validator_for(document, default=Draft202012Validator)
    kind.check_schema(document)
    return Schema(kind(document), _column_types(document))


def _column_types(document: Any) -> dict[str, str]:
    properties = document.get("properties", {}) if isinstance(document, dict) else {}
    types = {}
    for name, rule in properties.items():
        kinds = rule.get("type") if isinstance(rule, dict) else None
        named = [kinds] if isinstance(kinds, str) else list(kinds or [])
        if typed := _TYPED.intersection(named):
            types[name] = min(typed)
    return types


def _number(text: str) -> float | Decimal:
    number = float(text)
    return number if math.isfinite(number) else Decimal(text)


_decoder = msgspec.json.Decoder(float_hook=_number)
