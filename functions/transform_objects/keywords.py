"""Exact implementations of JSON Schema keywords for which jsonschema needs much time or memory.

A keyword has the parameters that jsonschema passes to its own, and yields errors.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jsonschema.protocols import Validator

# Digits converted to an int at a time: the time grows with the square of their number. Python
# itself rejects more than 4,300.
DIGITS_AT_ONCE = 4000


def multiple_of(
    _: Validator, divisor: int | Decimal, value: object, __: object
) -> Iterator[Exception]:
    """Check ``multipleOf``, and ``divisibleBy`` of draft 3."""
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415 - see `make_schema`

    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        return
    if not _divides(divisor, value):
        yield ValidationError(f"{value!r} is not a multiple of {divisor!r}")


def unique_items(
    _: Validator, is_required: object, value: object, __: object
) -> Iterator[Exception]:
    """Check ``uniqueItems``: each element is looked up in a set of those before it."""
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415 - as above

    if is_required and isinstance(value, list) and _has_equal(value):
        yield ValidationError(f"{value!r} has non-unique elements")


def any_of(
    validator: Validator, schemas: Sequence[object], value: object, __: object
) -> Iterator[Exception]:
    """Check ``anyOf``, without collecting the errors of each alternative."""
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415 - as above

    if not any(_satisfies(validator, value, schema) for schema in schemas):
        yield ValidationError(f"{value!r} is not valid under any of the given schemas")


def one_of(
    validator: Validator, schemas: Sequence[object], value: object, __: object
) -> Iterator[Exception]:
    """Check ``oneOf``, as `any_of` does."""
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415 - as above

    satisfied = [schema for schema in schemas if _satisfies(validator, value, schema)]
    if not satisfied:
        yield ValidationError(f"{value!r} is not valid under any of the given schemas")
    elif len(satisfied) > 1:
        shown = ", ".join(map(repr, satisfied))
        yield ValidationError(f"{value!r} is valid under each of {shown}")


def _satisfies(validator: Validator, value: object, schema: object) -> bool:
    errors: Iterator[object] = validator.descend(value, schema)  # type: ignore[attr-defined]
    return next(errors, None) is None


def _has_equal(elements: Sequence[object]) -> bool:
    seen: set[str] = set()
    for element in elements:
        pieces: list[str] = []
        _add_canonical(element, pieces)
        text = "".join(pieces)
        if text in seen:
            return True
        seen.add(text)
    return False


def _add_canonical(value: object, pieces: list[str]) -> None:
    """Append a text that is equal for values that are equal in JSON, and different for others.

    1 and 1.0 are equal, 1 and true are not. It is a text, not a tuple of what a value is made of:
    Python's hashes of numbers are the same in every process, so an attacker could write a file
    whose numbers all collide in a set. Its hashes of texts are randomized.
    """
    match value:
        case str():
            # The length in front makes the text unambiguous.
            pieces.append(f"s{len(value)}:{value}")
        case None | bool():
            pieces.append(f"{value};")
        case int() | Decimal():
            sign, digits, exponent = split_number(value)
            pieces.append(f"n{sign}{digits}e{exponent};")
        case list():
            pieces.append("[")
            for element in value:
                _add_canonical(element, pieces)
            pieces.append("]")
        case dict():
            pieces.append("{")
            for name in sorted(value):
                _add_canonical(name, pieces)
                _add_canonical(value[name], pieces)
            pieces.append("}")
        case _:
            raise TypeError(f"{type(value)} is not a JSON type")


def split_number(number: int | Decimal) -> tuple[str, str, int]:
    """Split a number into its sign, its significant digits and a power of ten.

    Equal numbers give equal parts; zero has no sign, and the digit 0.
    """
    mantissa, _, power = str(number).partition("E")
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "", "0", 0
    significant = digits.rstrip("0")
    exponent = int(power or 0) - len(fraction) + len(digits) - len(significant)
    return mantissa[:1] if mantissa[0] == "-" else "", significant, exponent


def _divides(divisor: int | Decimal, value: int | Decimal) -> bool:
    """Divide without expanding an exponent: 1e999999999 has a billion digits."""
    _, digits, exponent = split_number(value)
    if digits == "0":
        return True
    _, factor_digits, factor_exponent = split_number(divisor)
    shift = exponent - factor_exponent
    if shift < 0:
        # It would have to be a multiple of ten, but its last significant digit is not 0.
        return False
    factor = int(Decimal(factor_digits))
    rest: int = remainder(digits, factor) * pow(10, shift, factor) % factor
    return rest == 0


def remainder(digits: str, divisor: int) -> int:
    """Return the remainder of an integer, computed from a part of its digits at a time."""
    rest = 0
    for start in range(0, len(digits), DIGITS_AT_ONCE):
        part = digits[start : start + DIGITS_AT_ONCE]
        rest = (rest * pow(10, len(part), divisor) + int(part)) % divisor
    return rest
