"""Convert records to DynamoDB items, checked against DynamoDB's rules, with all digits.

The rules: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

from __future__ import annotations

import decimal
import json
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from object_consumer import PermanentError
from object_consumer.memory import Allowance
from record_formats.sizes import SMALL, need_values, separators

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from load_records.keys import Key

MAX_ITEM_BYTES = 400 * 1024
# An attribute of the item is on level 1, the elements of a list or map in it on level 2.
MAX_LEVELS = 32
MAX_DIGITS = 38
_MAX_NAME_BYTES = 64 * 1024 - 1
_SHOWN_CHARACTERS = 250
# Bytes of memory: of a put in addition to its text, including its key; of each value during the
# conversion; and for each byte of a record (as text, in Python's and DynamoDB's JSON).
_PUT, _VALUE, _BYTE = 300, 240, 8


class ItemError(PermanentError):
    """A record can't become an item of the table; the message names record, path and reason."""


class _Number(str):
    """The original digits of a number."""

    __slots__ = ()


class _Text(msgspec.Struct, gc=False):
    """A value with its DynamoDB type; a dictionary would need eight times the memory."""

    S: str


class _Digits(msgspec.Struct, gc=False):
    N: str


class _Boolean(msgspec.Struct, gc=False):
    BOOL: bool


class _Null(msgspec.Struct, gc=False):
    NULL: bool = True


class _List(msgspec.Struct, gc=False):
    L: list[Attribute]


class _Map(msgspec.Struct, gc=False):
    M: dict[str, Attribute]


type Attribute = _Text | _Digits | _Boolean | _Null | _List | _Map

_NULL, _TRUE, _FALSE = _Null(), _Boolean(BOOL=True), _Boolean(BOOL=False)


class _RefusedError(Exception):
    """A value violates a rule; `path` leads to it, the last step first."""

    def __init__(self, reason: str, *path: str) -> None:
        super().__init__(reason)
        self.path = list(path)


# 1E-130 to 9.99...E+125; a number that loses digits is an error.
_EXACT = decimal.Context(
    prec=MAX_DIGITS,
    Emin=-130,
    Emax=125,
    traps=[decimal.Inexact, decimal.Overflow, decimal.Subnormal, decimal.InvalidOperation],
)
_decoder = msgspec.json.Decoder(float_hook=_Number)
# For integers with more than 4,300 digits, which msgspec doesn't decode.
_patient_decoder = json.JSONDecoder(parse_int=_Number, parse_float=_Number)
_encode = msgspec.json.encode

_KINDS = {
    bool: "a boolean",
    dict: "an object",
    int: "a number",
    list: "a list",
    str: "text",
    _Number: "a number",
    type(None): "null",
}


class Puts:
    """The put requests of BatchWriteItem for records, in DynamoDB's JSON: one for each key.

    Of several records with the same key, the last one counts, as if they were put one by one.
    BatchWriteItem also rejects a request with a duplicate key.

    Parameters
    ----------
    keys
        The table's key.

    Attributes
    ----------
    records
        The number of records.
    size
        An upper estimate of the bytes of memory.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self.records = 0
        self.size = 0
        self._keys = keys
        self._puts: dict[tuple[object, ...], bytes] = {}

    def __len__(self) -> int:
        return len(self._puts)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._puts.values())

    def add(
        self, records: Sequence[msgspec.Raw], before: int = 0, allowance: Allowance | None = None
    ) -> None:
        """Add records.

        Parameters
        ----------
        records
            The texts of JSON values.
        before
            The number of records before them in their file, for errors.
        allowance
            The available memory and time; unlimited by default.

        Raises
        ------
        ItemError
            A record is not an object or violates one of DynamoDB's rules.
        MemoryLimitError
            A record would need more memory than allowed.
        DeadlineError
            The time is over.
        """
        allowance = allowance or Allowance()
        allowance.check()
        for number, record in enumerate(records, before + 1):
            if memoryview(record).nbytes > SMALL:
                _check_values(record, number, allowance)
            identity, put = _put(record, number, self._keys)
            self.size += len(put) + _PUT
            self._puts[identity] = put
        self.records += len(records)


def _check_values(record: msgspec.Raw, number: int, allowance: Allowance) -> None:
    """Reject a record with more values than an item can have, before they are created."""
    text = bytes(record)
    if text[:1] == b"{" and least_size(text) > MAX_ITEM_BYTES:
        raise ItemError(
            f"record {number}, $: an item of more than {MAX_ITEM_BYTES:,} bytes, the limit of "
            "DynamoDB"
        )
    need_values(allowance, text, _VALUE, f"record {number}", byte=_BYTE)


def least_size(text: bytes) -> int:
    """Return a lower bound of an item's size, from its structure: see `item_size`.

    Each value except the first of an object or a list has a comma before it, and it or its name
    counts at least one byte; each list or map counts three.
    """
    commas, opened = separators(text)
    return commas + 3 * (opened - 1)


def _put(record: msgspec.Raw, number: int, keys: Sequence[Key]) -> tuple[tuple[object, ...], bytes]:
    try:
        item = _read(record)
        attributes = _map(item, 1)
        identity = tuple([_identity(item, key) for key in keys])
        text = _encode(attributes)
        # DynamoDB's JSON is never shorter than the size that DynamoDB counts.
        if len(text) > _MAX_NAME_BYTES:
            _check_large(item)
    except _RefusedError as refused:
        path = "$" + "".join(reversed(refused.path))
        if len(path) > _SHOWN_CHARACTERS:
            path = f"{path[:_SHOWN_CHARACTERS]}..."
        raise ItemError(f"record {number}, {path}: {refused}") from None
    return identity, b'{"PutRequest":{"Item":%b}}' % text


def item_size(item: Mapping[str, object]) -> int:
    """Return an item's size as DynamoDB counts it.

    Names and strings count their bytes in UTF-8. A number counts a byte for two digits, one more,
    and another one if it is negative. Null and booleans count one, lists and maps three plus one
    for each element. AWS calls the rule for numbers approximate:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html

    Parameters
    ----------
    item
        Names and values; a number is an int or a `_Number`.
    """
    return sum(_bytes(name) + _size(value) for name, value in item.items())


def _read(record: msgspec.Raw) -> dict[str, object]:
    try:
        try:
            item = _decoder.decode(record)
        except msgspec.ValidationError:
            item = _patient_decoder.decode(bytes(record).decode())
    except RecursionError:
        raise _RefusedError(f"nested deeper than {MAX_LEVELS} levels") from None
    if not isinstance(item, dict):
        raise _RefusedError(f"{_KINDS[type(item)]}; an item is an object")
    return item


def _map(members: Mapping[str, object], level: int) -> dict[str, Attribute]:
    _check_level(level)
    if "" in members:
        raise _RefusedError("an attribute without a name", "['']")
    attributes: dict[str, Attribute] = {}
    for name, value in members.items():
        if type(value) is str:
            attributes[name] = _Text(value)
            continue
        try:
            attributes[name] = _attribute(value, level)
        except _RefusedError as refused:
            refused.path.append(_step(name))
            raise
    return attributes


def _list(elements: Sequence[object], level: int) -> list[Attribute]:
    _check_level(level)
    attributes: list[Attribute] = []
    for value in elements:
        try:
            attributes.append(_attribute(value, level))
        except _RefusedError as refused:
            refused.path.append(f"[{len(attributes)}]")
            raise
    return attributes


def _attribute(value: object, level: int) -> Attribute:
    match value:
        case bool():
            return _TRUE if value else _FALSE
        case int() | _Number():
            return _Digits(_digits(value))
        case str():
            return _Text(value)
        case None:
            return _NULL
        case dict():
            return _Map(_map(value, level + 1))
        case list():
            return _List(_list(value, level + 1))
        case _:
            raise TypeError(f"{type(value)} is not a JSON type")


def _digits(number: int | _Number) -> str:
    text = str(number)
    if len(text) <= MAX_DIGITS and "e" not in text and "E" not in text:
        return text
    return str(_exact(text))


def _exact(text: str) -> Decimal:
    try:
        return _EXACT.create_decimal(text).normalize(_EXACT)
    except (decimal.Overflow, decimal.Subnormal, decimal.InvalidOperation):
        raise _RefusedError("a number out of DynamoDB's range, 1E-130 to 9.99E+125") from None
    except decimal.Inexact:
        raise _RefusedError(f"a number of more than {MAX_DIGITS} significant digits") from None


def _check_level(level: int) -> None:
    if level > MAX_LEVELS:
        raise _RefusedError(f"nested deeper than {MAX_LEVELS} levels")


def _identity(item: Mapping[str, object], key: Key) -> object:
    """Return a key's value, normalized so that values that DynamoDB considers equal are equal."""
    step, what = _step(key.name), f"the table's {key.role} key"
    if key.name not in item:
        raise _RefusedError(f"missing; it is {what}", step)
    value = item[key.name]
    kind = type(value)
    if key.kind == "N" and (kind is int or kind is _Number):
        return _exact(str(value))
    if key.kind != "S" or not isinstance(value, str) or kind is _Number:
        raise _RefusedError(f"{_KINDS[kind]}; {what} is of type {key.kind}", step)
    if not value:
        raise _RefusedError(f"empty; it is {what}", step)
    if (size := _bytes(value)) > key.max_bytes:
        raise _RefusedError(f"{size:,} bytes; {what} has at most {key.max_bytes:,}", step)
    return value


def _check_large(item: Mapping[str, object]) -> None:
    _check_names(item)
    if (size := item_size(item)) > MAX_ITEM_BYTES:
        raise _RefusedError(f"an item of {size:,} bytes; DynamoDB accepts {MAX_ITEM_BYTES:,}")


def _check_names(value: object) -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            if _bytes(name) > _MAX_NAME_BYTES:
                raise _RefusedError(f"a name of {_bytes(name):,} bytes; DynamoDB accepts 65,535")
            _check_names(member)
    elif isinstance(value, list):
        for element in value:
            _check_names(element)


def _size(value: object) -> int:
    match value:
        case bool() | None:
            return 1
        case int() | _Number():
            number = _exact(str(value))
            return (len(number.as_tuple().digits) + 1) // 2 + 1 + number.is_signed()
        case str():
            return _bytes(value)
        case dict():
            return 3 + len(value) + item_size(value)
        case list():
            return 3 + len(value) + sum(map(_size, value))
        case _:
            raise TypeError(f"{type(value)} is not a JSON type")


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _step(name: str) -> str:
    return f".{name}" if name.isidentifier() else f"[{name!r}]"
