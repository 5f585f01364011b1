"""Rules that are checked here: exact, and in time that grows with the file, not with its square."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from object_consumer import DeadlineError
from object_consumer.memory import Allowance
from tests.unit.counting import calls
from transform_objects import steps
from transform_objects.keywords import DIGITS_AT_ONCE, remainder, split_number
from transform_objects.schema import SchemaError, make_schema


def failure(schema: str, record: str) -> str:
    """Return what is wrong with a record, or nothing."""
    try:
        make_schema(schema.encode()).validate([Raw(record.encode())])
    except SchemaError as error:
        return str(error)
    return ""


def objects(count: int) -> str:
    return json.dumps([{"id": number} for number in range(count)])


def lists(count: int) -> str:
    return json.dumps([[number, None] for number in range(count)])


def equal_hashes(count: int) -> str:
    # To Python these numbers have one hash.
    return json.dumps([number * (2**61 - 1) for number in range(count)])


@pytest.mark.parametrize("elements", [objects, lists, equal_hashes])
def test_unique_items_takes_time_in_proportion(elements: Callable[[int], str]) -> None:
    schema = make_schema(b'{"uniqueItems": true}')
    few, many = ([Raw(elements(count).encode())] for count in (100, 1000))
    schema.validate(few)

    assert calls(lambda: schema.validate(many)) < 11 * calls(lambda: schema.validate(few))


@pytest.mark.parametrize(
    "elements",
    [
        "[1, true]",
        "[0, false]",
        "[1, 10, 1e-1]",
        '[1, "1"]',
        '["", null]',
        '[null, "None;"]',
        "[[], {}, [[]], [{}]]",
        '[["a", "b"], ["ab"], ["a", ["b"]]]',
        '[{"a": 1}, {"a": true}, {"a": {"a": 1}}]',
        '[{"a": "b", "c": "d"}, {"a": "bc", "d": ""}]',
        "[12345678901234567890.122, 12345678901234567890.123]",
        "[1e400, 1e401, -1e400]",
    ],
)
def test_what_is_not_equal_is_unique(elements: str) -> None:
    assert failure('{"uniqueItems": true}', elements) == ""


@pytest.mark.parametrize(
    "elements",
    [
        "[1, 1.0]",
        "[1, 10e-1]",
        "[0, -0.0]",
        "[0, 0e999]",
        "[true, 1, true]",
        "[null, null]",
        '["a", "\\u0061"]',
        '[{"a": 1, "b": [2]}, {"b": [2.0], "a": 1e0}]',
        "[[], [[]], [[]]]",
    ],
)
def test_what_is_equal_is_not(elements: str) -> None:
    assert "has non-unique elements" in failure('{"uniqueItems": true}', elements)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "[", "s1:a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=5,
)


@given(st.lists(_values, max_size=6))
def test_elements_are_unique_if_no_two_of_them_are_equal(elements: list[object]) -> None:
    # In JSON's text, with its members in order, true and 1 differ as they should.
    texts = [json.dumps(element, sort_keys=True) for element in elements]

    message = failure('{"uniqueItems": true}', json.dumps(elements))

    assert (message == "") == (len(set(texts)) == len(texts))


class Divisor(int):
    """Remembers how large the numbers were that it was to divide."""

    largest = 0

    def __rmod__(self, dividend: int) -> int:
        Divisor.largest = max(Divisor.largest, dividend.bit_length())
        return dividend % int(self)


def test_no_number_is_divided_whole_however_many_digits_it_has() -> None:
    # Six ones are a multiple of 7; four are left.
    assert remainder("1" * 400_000, Divisor(7)) == 1111 % 7
    assert 0 < Divisor.largest < DIGITS_AT_ONCE * 3.4


def test_a_number_of_400_000_digits_is_divided() -> None:
    digits = "7" * 400_000

    assert failure('{"multipleOf": 7}', f"{digits}.0") == ""
    assert "(rule 'multipleOf')" in failure('{"multipleOf": 7}', f"{digits}1.0")
    assert "(rule 'multipleOf')" in failure('{"multipleOf": 7}', f"{digits}.7")


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_is_the_same_as_its_parts(number: Decimal) -> None:
    sign, digits, exponent = split_number(number)

    assert Decimal(f"{sign}{digits}e{exponent}") == number
    assert digits == "0" or (not digits.startswith("0") and not digits.endswith("0"))


def test_alternatives_that_multiply_with_the_depth_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "MOST_STEPS", 1000)
    monkeypatch.setattr(steps, "MOST_STEPS_A_BYTE", 20)
    child = '{"properties": {"c": {"$ref": "#"}, "x": {"type": "string"}}}'
    schema = f'{{"anyOf": [{child}, {child}]}}'
    record = '{"c":' * 20 + '{"x": 1}' + "}" * 20

    message = failure(schema, record)

    assert "record 1: takes more than" in message
    assert "steps to check: alternatives of the schema" in message


def test_a_record_that_was_given_up_is_no_longer_checked() -> None:
    asked: list[None] = []

    def check() -> None:
        asked.append(None)
        if len(asked) == 3:
            raise DeadlineError("the invocation is over")

    schema = make_schema(b'{"items": {"type": "integer"}}')
    record = Raw(json.dumps([1] * 20_000).encode())

    with pytest.raises(DeadlineError):
        schema.validate([record], Allowance(check=check))


@pytest.mark.parametrize(
    ("schema", "record", "message"),
    [
        ('{"anyOf": [{"type": "string"}, {"minimum": 5}]}', "1", "1 is not valid under any"),
        ('{"oneOf": [{"type": "string"}, {"minimum": 5}]}', "1", "1 is not valid under any"),
        ('{"oneOf": [{"maximum": 6}, {"minimum": 5}]}', "5", "5 is valid under each of"),
        ('{"oneOf": [{"maximum": 6}, {"minimum": 5}]}', "1", ""),
        ('{"anyOf": [{"maximum": 6}, {"minimum": 5}]}', "5", ""),
    ],
)
def test_alternatives(schema: str, record: str, message: str) -> None:
    assert message in failure(schema, record)
    assert bool(message) == bool(failure(schema, record))
