"""Records as DynamoDB's JSON: what comes out, and what is refused in which words."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st

from load_records.items import (
    MAX_ITEM_BYTES,
    MAX_LEVELS,
    ItemError,
    Puts,
    _read,
    item_size,
)
from load_records.keys import Key
from object_consumer import DeadlineError
from object_consumer.memory import Allowance
from tests.unit.counting import peak_bytes

ID = Key("id", "S", "partition")
NUMBER_ID = Key("id", "N", "partition")
AT = Key("at", "N", "sort")
NAME = Key("name", "S", "sort")


def make_puts(
    records: Sequence[msgspec.Raw], keys: list[Key], allowance: Allowance | None = None
) -> list[bytes]:
    puts = Puts(keys)
    puts.add(records, allowance=allowance)
    return list(puts)


def items(*records: str, keys: list[Key] | None = None) -> list[dict[str, Any]]:
    puts = make_puts([msgspec.Raw(record.encode()) for record in records], keys or [ID])
    return [json.loads(put)["PutRequest"]["Item"] for put in puts]


def item(value: str) -> Any:
    """Return what becomes of one value."""
    return items(f'{{"id": "1", "v": {value}}}')[0]["v"]


def refusal(*records: str, keys: list[Key] | None = None) -> str:
    with pytest.raises(ItemError) as caught:
        items(*records, keys=keys)
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"text"', {"S": "text"}),
        ('""', {"S": ""}),
        (r'"\u00e9\n\ud83d\ude00"', {"S": "é\n😀"}),
        ("true", {"BOOL": True}),
        ("false", {"BOOL": False}),
        ("null", {"NULL": True}),
        ("[]", {"L": []}),
        ("{}", {"M": {}}),
        (
            '[1, ["a"], {"b": null}]',
            {"L": [{"N": "1"}, {"L": [{"S": "a"}]}, {"M": {"b": {"NULL": True}}}]},
        ),
    ],
)
def test_types_are_kept(value: str, expected: object) -> None:
    assert item(value) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("0", "0"),
        ("-7", "-7"),
        ("1.10", "1.10"),
        ("0.1", "0.1"),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
        ("9" * 38, "9" * 38),
        ("-" + "9" * 38, "-" + "9" * 38),
        ("1e3", "1E+3"),
        ("1E-130", "1E-130"),
        ("-1e-130", "-1E-130"),
        ("1" + "0" * 125, "1E+125"),
        ("9." + "9" * 37 + "e125", "9." + "9" * 37 + "E+125"),
        ("1." + "0" * 100, "1"),
        ("0." + "0" * 5000, "0"),
        ("0e999", "0"),
    ],
)
def test_numbers_keep_their_digits(number: str, expected: str) -> None:
    assert item(number) == {"N": expected}


@pytest.mark.parametrize(
    "number",
    ["1" * 39, "0." + "1" * 39, "1." + "0" * 37 + "1", "-" + "1" * 39, "1" * 100 + "e-100"],
)
def test_more_digits_than_dynamodb_keeps_are_refused(number: str) -> None:
    message = refusal('{"id": "1"}', f'{{"id": "2", "a b": [0, {{"c": {number}}}]}}')

    assert message == "record 2, $['a b'][1].c: a number of more than 38 significant digits"


@pytest.mark.parametrize(
    "number",
    ["1e126", "-1e126", "1e-131", "1" + "0" * 126, "1" + "0" * 5000, "1e" + "9" * 30, "1e-99999"],
)
def test_numbers_out_of_range_are_refused(number: str) -> None:
    assert refusal(f'{{"id": "1", "v": {number}}}').startswith(
        "record 1, $.v: a number out of DynamoDB's range"
    )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**38) + 1, 10**38 - 1)
    | st.decimals(-(10**15), 10**15, places=4)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), inner)
    ),
    max_leaves=9,
)


_encoder = msgspec.json.Encoder(decimal_format="number")


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), json_values))
def test_boto3_reads_what_was_in_the_record_and_the_text_is_never_shorter_than_the_size(
    record: dict[str, Any],
) -> None:
    text = msgspec.Raw(_encoder.encode(record | {"id": "1"}))

    (put,) = make_puts([text], [ID])

    attributes = json.loads(put)["PutRequest"]["Item"]
    read = {name: TypeDeserializer().deserialize(value) for name, value in attributes.items()}
    assert read == record | {"id": "1"}
    assert item_size(_read(text)) <= len(put) - len('{"PutRequest":{"Item":}}')


@pytest.mark.parametrize("record", ["1", "[]", '"a"', "null", "true", "1.5"])
def test_a_record_that_is_no_object_is_refused(record: str) -> None:
    assert refusal('{"id": "1"}', record).startswith("record 2, $: ")


def test_values_may_be_nested_as_deep_as_dynamodb_takes_them() -> None:
    # The attribute itself is on the first level.
    deepest = "[" * (MAX_LEVELS - 1) + "1" + "]" * (MAX_LEVELS - 1)

    assert item(deepest)
    message = refusal(f'{{"id": "1", "v": [{deepest}]}}')
    assert message == f"record 1, $.v{'[0]' * 31}: nested deeper than 32 levels"


def test_values_too_deep_for_any_reader_are_refused_too() -> None:
    deep = '{"a":' * 5000 + "1" + "}" * 5000

    assert "nested deeper than 32 levels" in refusal(f'{{"id": "1", "v": {deep}}}')


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{}", "$.id: missing; it is the table's partition key"),
        ('{"id": 1, "at": 1}', "$.id: a number; the table's partition key is of type S"),
        ('{"id": 1.5, "at": 1}', "$.id: a number; the table's partition key is of type S"),
        ('{"id": null, "at": 1}', "$.id: null; the table's partition key is of type S"),
        ('{"id": "", "at": 1}', "$.id: empty; it is the table's partition key"),
        ('{"id": "a"}', "$.at: missing; it is the table's sort key"),
        ('{"id": "a", "at": "1"}', "$.at: text; the table's sort key is of type N"),
        ('{"id": "a", "at": true}', "$.at: a boolean; the table's sort key is of type N"),
    ],
)
def test_each_record_has_the_tables_key(record: str, message: str) -> None:
    assert refusal(record, keys=[ID, AT]) == f"record 1, {message}"


@pytest.mark.parametrize(("key", "limit"), [(ID, 2048), (NAME, 1024)])
def test_keys_may_be_as_long_as_dynamodb_takes_them(key: Key, limit: int) -> None:
    longest = "é" * (limit // 2)

    assert items(json.dumps({key.name: longest}), keys=[key])
    message = refusal(json.dumps({key.name: longest + "a"}), keys=[key])
    assert f"{limit + 1:,} bytes; the table's {key.role} key has at most {limit:,}" in message


def test_of_records_with_the_same_key_the_last_one_counts() -> None:
    records = ['{"id": "a", "v": 1}', '{"id": "b", "v": 2}', '{"id": "a", "v": 3}']

    assert [item["v"]["N"] for item in items(*records)] == ["3", "2"]


def test_keys_are_the_same_if_they_are_to_dynamodb() -> None:
    same = items('{"id": 1}', '{"id": 1.0}', '{"id": 10e-1}', keys=[NUMBER_ID])
    other = items('{"id": "1"}', '{"id": "1.0"}', '{"id": "10e-1"}')
    pairs = items('{"id": "a", "at": 1}', '{"id": "a", "at": 2}', keys=[ID, AT])

    assert [item["id"]["N"] for item in same] == ["1"]
    assert (len(other), len(pairs)) == (3, 2)


def test_attributes_have_names() -> None:
    assert "$.v['']: an attribute without a name" in refusal('{"id": "1", "v": {"": 1}}')

    longest = "é" * 32767 + "a"
    assert items(f'{{"id": "1", "v": [{{"{longest}": 1}}]}}')
    assert "a name of 65,536 bytes" in refusal(f'{{"id": "1", "v": [{{"{longest}b": 1}}]}}')


def test_an_item_may_be_as_large_as_dynamodb_takes_it() -> None:
    size = item_size({"id": "1", "v": ""})
    largest = "x" * (MAX_ITEM_BYTES - size)

    assert items(json.dumps({"id": "1", "v": largest}))
    message = refusal(json.dumps({"id": "1", "v": largest + "x"}))
    assert message == "record 1, $: an item of 409,601 bytes; DynamoDB accepts 409,600"


def test_an_item_that_is_long_as_text_only_is_taken() -> None:
    # Each true is 14 bytes in DynamoDB's JSON, and counts two.
    assert items(json.dumps({"id": "1", "v": [True] * 200_000}))


@pytest.mark.parametrize(
    ("record", "size"),
    [
        ({"id": "é"}, 2 + 2),
        ({"n": 12345}, 1 + 3 + 1),
        ({"n": -1200}, 1 + 1 + 1 + 1),
        ({"n": True, "m": None}, 4),
        ({"l": [], "m": {}}, 2 * (1 + 3)),
        ({"l": ["a", "bc"], "m": {"ab": "c"}}, (1 + 3 + 2 + 3) + (1 + 3 + 1 + 3)),
    ],
)
def test_sizes_are_counted_by_aws_rules(record: dict[str, object], size: int) -> None:
    assert item_size(record) == size


def test_a_long_path_is_cut() -> None:
    assert len(refusal(f'{{"id": "1", "{"x" * 9000}": 1e999}}')) < 400


@pytest.mark.parametrize("value", ["[]", "{}", '""', "1", "null", '"ab"'])
def test_a_record_takes_memory_in_proportion_to_the_largest_item(value: str) -> None:
    # Of 400 KB, and 1.3 MB as text: it can't be an item.
    record = msgspec.Raw(f'{{"id":"1","a":[{",".join([value] * 420_000)}]}}'.encode())

    def work() -> None:
        with pytest.raises(ItemError, match=r"^record 1, \$: an item of more than 409,600 bytes"):
            make_puts([record], [ID])

    assert peak_bytes(work) < 4 * memoryview(record).nbytes


def test_the_memory_of_items_is_counted() -> None:
    records = [msgspec.Raw(b'{"id":"%d"}' % number) for number in range(10_000)]
    puts = Puts([ID])

    peak = peak_bytes(lambda: puts.add(records))

    assert len(puts) == puts.records == 10_000
    assert 0.4 * puts.size < peak < 1.1 * puts.size


def test_records_are_counted_from_the_beginning_of_their_file() -> None:
    puts = Puts([ID])
    puts.add([msgspec.Raw(b'{"id":"1"}')], 41)

    with pytest.raises(ItemError, match=r"^record 44, \$\.id: missing"):
        puts.add([msgspec.Raw(b'{"id":"1"}'), msgspec.Raw(b"{}")], 42)
    assert puts.records == 1


def test_a_file_that_was_given_up_is_no_longer_converted() -> None:
    def check() -> None:
        raise DeadlineError("the invocation is over")

    with pytest.raises(DeadlineError):
        make_puts([msgspec.Raw(b'{"id":"1"}')], [ID], Allowance(check=check))
