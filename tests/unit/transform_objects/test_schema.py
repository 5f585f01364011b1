"""The JSON Schema: numbers are compared exactly, and what it says of CSV's columns."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transform_objects.schema import SchemaError, make_schema


def failure(schema: str, record: str) -> str:
    """Return what is wrong with a record, or nothing."""
    try:
        make_schema(schema.encode()).validate([msgspec.Raw(record.encode())])
    except SchemaError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("schema", "record"),
    [
        ('{"multipleOf": 0.01}', "1.10"),
        ('{"multipleOf": 0.01}', "1e400"),
        ('{"multipleOf": 2.5e3}', "5000"),
        ('{"multipleOf": 7}', "-0.0"),
        ('{"type": "integer"}', "1.0"),
        ('{"type": "integer"}', "1e400"),
        ('{"type": "integer"}', "9" * 100),
        ('{"type": "number"}', "1.5"),
        ('{"maximum": 12345678901234567890.123}', "12345678901234567890.123"),
        ('{"const": 1.1}', "1.10"),
        ('{"enum": [1.10, 2]}', "1.1"),
        ('{"minLength": 2.0}', '"ab"'),
    ],
)
def test_what_satisfies_the_schema_passes(schema: str, record: str) -> None:
    assert failure(schema, record) == ""


@pytest.mark.parametrize(
    ("schema", "record", "message"),
    [
        ('{"multipleOf": 0.01}', "1.101", "1.101 is not a multiple of 0.01"),
        ('{"multipleOf": 3}', "1e999999999", "1E+999999999 is not a multiple of 3"),
        ('{"multipleOf": 3}', "1e-999999999", "is not a multiple of 3"),
        ('{"multipleOf": 3}', "1." + "0" * 5000 + "1", "(rule 'multipleOf')"),
        ('{"type": "integer"}', "1.5", "1.5 is not of type 'integer'"),
        ('{"type": "integer"}', "true", "is not of type 'integer'"),
        (
            '{"maximum": 12345678901234567890.122}',
            "12345678901234567890.123",
            "12345678901234567890.123 is greater than the maximum of 12345678901234567890.122",
        ),
        ('{"maximum": 5}', "1e400", "1E+400 is greater than the maximum of 5"),
        ('{"maximum": 5}', "1e9999999999999999999", "too many digits, or too large an exponent"),
        ('{"maximum": 5}', "9" * 5000, "too many digits, or too large an exponent"),
        ('{"uniqueItems": true}', "[1.0, 1]", "has non-unique elements"),
    ],
)
def test_numbers_are_checked_exactly(schema: str, record: str, message: str) -> None:
    assert message in failure(schema, record)


@given(st.integers(), st.integers(-20, 20), st.integers(1, 10**6), st.integers(-20, 20))
def test_multiples_are_told_as_fractions_tell_them(
    value: int, exponent: int, divisor: int, divisor_exponent: int
) -> None:
    is_multiple = value * 10 ** (exponent + 40) % (divisor * 10 ** (divisor_exponent + 40)) == 0

    message = failure(f'{{"multipleOf": {divisor}e{divisor_exponent}}}', f"{value}e{exponent}")

    assert (message == "") == is_multiple


def test_errors_name_the_record_and_the_path_and_stop_at_three() -> None:
    schema = make_schema(b'{"properties": {"a": {"items": {"type": "string"}}}}')
    records = [msgspec.Raw(json.dumps({"a": ["x"] + [1] * n}).encode()) for n in (0, 2, 2)]

    with pytest.raises(SchemaError) as caught:
        schema.validate(records)

    assert str(caught.value) == (
        "record 2, $.a[1]: 1 is not of type 'string'; "
        "record 2, $.a[2]: 1 is not of type 'string'; "
        "record 3, $.a[1]: 1 is not of type 'string'"
    )


def test_an_error_does_not_quote_a_whole_record() -> None:
    message = failure('{"maxLength": 3}', json.dumps("a" * 100_000))

    assert len(message) < 350
    assert message.endswith("... (rule 'maxLength')")


def test_columns_have_the_types_of_properties_that_are_never_text() -> None:
    schema = make_schema(
        b"""{
            "$defs": {"id": {"type": "integer"}},
            "properties": {
                "id": {"$ref": "#/$defs/id"},
                "price": {"type": ["number", "null"]},
                "flag": {"type": "boolean"},
                "either": {"type": ["string", "integer"]},
                "text": {"type": "string"},
                "any": true
            }
        }"""
    )

    assert schema.column_types == {
        "id": {"integer"},
        "price": {"number"},
        "flag": {"boolean"},
    }


@pytest.mark.parametrize(
    ("draft", "rule", "record", "message"),
    [
        ("04", '"exclusiveMinimum": true, "minimum": 5', "5.0", "5.0 is less than or equal to"),
        ("03", '"divisibleBy": 0.01', "1.101", "1.101 is not a multiple of 0.01"),
    ],
)
def test_an_older_draft_is_followed(draft: str, rule: str, record: str, message: str) -> None:
    schema = f'{{"$schema": "http://json-schema.org/draft-{draft}/schema#", {rule}}}'

    assert message in failure(schema, record)
