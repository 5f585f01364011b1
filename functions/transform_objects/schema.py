"""The JSON Schema for the records, if one is configured."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec

from object_consumer import ObjectStore, PermanentError, SettingError, settings
from object_consumer.memory import Allowance
from record_formats.sizes import need_values
from transform_objects.keywords import any_of, multiple_of, one_of, unique_items
from transform_objects.steps import STEPS, TooManyStepsError, counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

_TYPED = frozenset({"integer", "number", "boolean"})
_OWN_RULES = {
    "anyOf": any_of,
    "divisibleBy": multiple_of,  # draft 3's name for it
    "multipleOf": multiple_of,
    "oneOf": one_of,
    "uniqueItems": unique_items,
}
_SHOWN_ERRORS = 3
# Bytes of memory for a value, including what is built to compare it with others.
_VALUE = 160
# An error quotes the invalid value, which may be a whole record.
_SHOWN_CHARACTERS = 250


class SchemaError(PermanentError):
    """A record doesn't match the schema; the message names record, path and rule."""


class Schema:
    """The schema for records; without a validator, all records are valid.

    Attributes
    ----------
    column_types
        The CSV columns that are not strings according to the schema, with their types.
    """

    def __init__(
        self,
        validator: Validator | None = None,
        column_types: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self.column_types = dict(column_types or {})
        self._validator = validator

    def validate(self, records: Iterable[msgspec.Raw], allowance: Allowance | None = None) -> None:
        """Validate every record.

        Parameters
        ----------
        records
            The texts of JSON values.
        allowance
            The available memory and time; unlimited by default.

        Raises
        ------
        SchemaError
            A record is invalid (the message has the first three errors), or takes too many steps.
        MemoryLimitError
            A record would need more memory than allowed.
        DeadlineError
            The time is over.
        """
        if self._validator is None:
            return
        allowance = allowance or Allowance()
        failures: list[str] = []
        for number, record in enumerate(records, start=1):
            need_values(allowance, record, _VALUE, f"record {number}")
            STEPS.begin(record, allowance.check)
            try:
                for error in self._validator.iter_errors(_decode(record, number)):
                    failures.append(_described(error, number))
                    if len(failures) == _SHOWN_ERRORS:
                        raise SchemaError("; ".join(failures))
            except TooManyStepsError as error:
                raise SchemaError(f"record {number}: {error}") from None
        if failures:
            raise SchemaError("; ".join(failures))


def _described(error: ValidationError, number: int) -> str:
    message = error.message
    if len(message) > _SHOWN_CHARACTERS:
        message = f"{message[:_SHOWN_CHARACTERS]}... (rule {error.validator!r})"
    return f"record {number}, {error.json_path}: {message}"


def load_schema() -> Schema:
    """Read the schema from JSON_SCHEMA, or from the object of JSON_SCHEMA_URI.

    Raises
    ------
    SettingError
        It can't be read, is malformed, or is not a valid schema; the message names the variable.
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
        where = f" ({uri})" if uri else ""
        raise SettingError(
            f"environment variable {name}{where}: not a valid JSON Schema: {error}"
        ) from error


def make_schema(text: bytes) -> Schema:
    """Parse a schema, of the draft that its ``$schema`` names (2020-12 by default).

    Raises
    ------
    ValueError, jsonschema.exceptions.SchemaError, referencing.exceptions.Unresolvable
        The text is not JSON, not a schema, or has a reference to another document.
    """
    # Imported only here, because it nearly doubles the time of init.
    from jsonschema.validators import Draft202012Validator, extend, validator_for  # noqa: PLC0415
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # noqa: PLC0415
    from referencing import Resource  # noqa: PLC0415
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    plain = msgspec.json.decode(text)
    kind = validator_for(plain, default=Draft202012Validator)
    kind.check_schema(plain)
    document = _decoder.decode(text)
    resource: Resource[Any] = Resource.from_contents(document, default_specification=DRAFT202012)
    resolver = REGISTRY.resolver_with_root(resource)
    _check_references(resource, resolver)
    rules: dict[str, Any] = {**kind.VALIDATORS}
    rules |= {name: rule for name, rule in _OWN_RULES.items() if name in rules}
    exact = extend(  # type: ignore[no-untyped-call]
        kind,
        {name: counted(rule) for name, rule in rules.items()},
        type_checker=kind.TYPE_CHECKER.redefine("integer", _is_integer),
    )
    # Without a registry, a validator downloads unknown schemas.
    return Schema(exact(document, registry=REGISTRY), _column_types(document, resolver))


def _check_references(resource: Any, resolver: Any) -> None:
    """Resolve every reference, so that an invalid one fails at init and not for a record."""
    contents = resource.contents
    if isinstance(contents, dict):
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(contents.get(keyword), str):
                resolver.lookup(contents[keyword])
    for inner in resource.subresources():
        _check_references(inner, resolver.in_subresource(inner))


def _column_types(document: Any, resolver: Any) -> dict[str, frozenset[str]]:
    properties = document.get("properties", {}) if isinstance(document, dict) else {}
    types = {}
    for name, rule in properties.items():
        found = rule
        if isinstance(rule, dict) and "$ref" in rule:
            found = resolver.lookup(rule["$ref"]).contents
        kinds = found.get("type", ()) if isinstance(found, dict) else ()
        named = frozenset([kinds] if isinstance(kinds, str) else kinds)
        if named & _TYPED and "string" not in named:
            types[name] = named & _TYPED
    return types


class _Number(Decimal):
    """An exact number with a decimal point or an exponent; messages show it as a number."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


_decoder = msgspec.json.Decoder(float_hook=_Number)


def _decode(record: msgspec.Raw, number: int) -> Any:
    try:
        return _decoder.decode(record)
    except (msgspec.MsgspecError, InvalidOperation):
        raise SchemaError(
            f"record {number}: a number has too many digits, or too large an exponent, to check"
        ) from None


def _is_integer(_: Any, value: object) -> bool:
    """Return whether a value is an integer; 1.0 is one since draft 6 of JSON Schema."""
    if isinstance(value, Decimal):
        return value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)
