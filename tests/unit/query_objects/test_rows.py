"""JSON as DuckDB reads it exactly, the columns of CSV files, and partitions."""

import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from object_consumer import PermanentError
from object_consumer.memory import Allowance, MemoryLimitError
from query_objects.csv_columns import read_columns
from query_objects.json_rows import JsonRows, may_lack_names
from query_objects.partitions import load_partition
from record_formats import RecordFormatError, output_key

OPTIONS: dict[str, Any] = {"delim": ",", "quote": '"', "escape": '"', "header": True}


def convert(text: bytes, kind: str = "jsonl", limit: int | None = None) -> tuple[bytes, list[str]]:
    rows = JsonRows()
    target = io.BytesIO()
    rows.write(lambda: io.BytesIO(text), kind, target, Allowance(limit))
    assert rows.longest >= max(map(len, target.getvalue().splitlines()), default=0)
    return target.getvalue(), list(rows.columns)


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ('{"a": 1.10, "b": [2.50, {"c": 1e3}]}', '{"a":"1.10","b":["2.50",{"c":"1e3"}]}'),
        ('{"a" : 12345678901234567890123}', '{"a":12345678901234567890123}'),
        (r'{"a": "1.10 \u0022: x"}', r'{"a":"1.10 \": x"}'),
        ('{"a": true, "b": null}', '{"a":true,"b":null}'),
        ("{}", "{}"),
    ],
)
def test_only_numbers_that_duckdb_would_round_become_strings(line: str, row: str) -> None:
    assert convert(f"{line}\n\n".encode())[0] == f"{row}\n".encode()
    assert convert(f"[{line}]".encode(), "json")[0] == f"{row}\n".encode()


def test_columns_are_in_the_order_of_their_first_occurrence() -> None:
    assert convert(b'{"b": 1}\n{"a": 1, "b": 2}\n{"c": 1}')[1] == ["b", "a", "c"]


def test_a_fault_far_behind_is_found_and_nothing_is_written_twice() -> None:
    good = b'{"a": 1}\n' * 50_000

    with pytest.raises(RecordFormatError, match="line 50001, column 10: a second 'a'"):
        convert(good + b'{"a": 1, "a": 2}\n')

    # A colon behind white space makes the lines suspect, but they are right.
    assert convert(good + b'{"a" : 2}\n')[0] == b'{"a":1}\n' * 50_000 + b'{"a":2}\n'


_texts = st.text(st.sampled_from('a":\\ '), max_size=3)


def spelled(text: str, *, escaped: bool) -> str:
    """Write a JSON string plainly, or with every character escaped."""
    if not escaped:
        return json.dumps(text)
    return '"' + "".join(f"\\u{ord(character):04x}" for character in text) + '"'


@pytest.mark.parametrize(
    "text",
    [
        '{"a" :1,"b":1,"b":2}',
        '{"a"\t: 1, "b": 1, "b": 2}',
        r'{"a":"\u003a","b":1,"b":2}',
        r'{"a":"\u0022:","b":1,"b":2}',
    ],
)
def test_a_name_that_another_spelling_hides_is_found(text: str) -> None:
    assert may_lack_names(text.encode(), msgspec.json.encode(msgspec.json.decode(text)))


@given(
    st.lists(st.tuples(_texts, _texts | st.integers()), min_size=1, max_size=4),
    st.lists(st.booleans(), min_size=10, max_size=10),
    st.sampled_from([":", ": ", " :", "\t: "]),
)
def test_a_name_that_occurs_twice_never_passes(
    pairs: list[tuple[str, str | int]], escapes: list[bool], colon: str
) -> None:
    """Write the first name of an object again, however it is spelled."""
    spellings = iter(escapes)
    members = []
    for name, value in [*pairs, (pairs[0][0], 1)]:
        key = spelled(name, escaped=next(spellings))
        told = spelled(value, escaped=next(spellings)) if isinstance(value, str) else str(value)
        members.append(f"{key}{colon}{told}")
    text = f"{{{','.join(members)}}}".encode()

    assert may_lack_names(text, msgspec.json.encode(msgspec.json.decode(text)))


def test_a_large_record_is_written_as_a_small_one_is() -> None:
    inner = ['{"a" : -1.50e3 , "b\\"1.0": ["2.0", 3.25, 4, {"c": 1e5}]}'] * 3
    small = f'{{"Records": [{", ".join(inner)}], "x": 1.10}}'
    large = f'{{"Records": [{", ".join(inner * 1000)}], "x": 1.10}}'

    text, columns = convert(small.encode(), "json")
    large_text, large_columns = convert(large.encode(), "json")

    assert columns == large_columns == ["Records", "x"]
    expected = {"a": "-1.50e3", 'b"1.0': ["2.0", "3.25", 4, {"c": "1e5"}]}
    assert json.loads(text) == {"Records": [expected] * 3, "x": "1.10"}
    assert json.loads(large_text) == {"Records": [expected] * 3000, "x": "1.10"}


def test_the_list_in_a_document_has_the_records() -> None:
    rows = JsonRows()
    target = io.BytesIO()
    text = b'{"v": 1, "Records": [{"a": 1.5}, {"b": 2}]}'

    rows.write(lambda: io.BytesIO(text), "json", target, Allowance(), "Records")

    assert target.getvalue() == b'{"a":"1.5"}\n{"b":2}\n'


def test_several_records_on_a_line_are_several_rows() -> None:
    assert convert(b'{"a":1}{"a":2}\n{"a" :3}{"a":4}')[0] == b'{"a":1}\n{"a":2}\n{"a":3}\n{"a":4}\n'


def test_a_record_that_would_need_too_much_memory_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(MemoryLimitError, match="raise the function's memory"):
        convert(b'{"a": [' + b"[]," * 1_000_000 + b"[]]}", limit=10_000_000)


@pytest.mark.parametrize(
    ("text", "options", "columns"),
    [
        ("a,b\n1,2\n", {}, ["a", "b"]),
        ("\ufeffa,b\r\n1,2\r\n", {}, ["a", "b"]),
        ('"a\nb",c\n', {}, ["a\nb", "c"]),
        ('"a""b",c\n', {}, ['a"b', "c"]),
        ("'a;b';c\n", {"delim": ";", "quote": "'", "escape": "'"}, ["a;b", "c"]),
        ('"a\\"b",c\n', {"escape": "\\"}, ['a"b', "c"]),
        ('"a,b\n', {"quote": "", "escape": ""}, ['"a', "b"]),
        ("x\n\na,b\n", {"skip": 1}, ["a", "b"]),
        ("# x\na,b\n", {"comment": "#"}, ["a", "b"]),
        ("1,2,3\n", {"header": False}, ["column0", "column1", "column2"]),
        ("1,2\n", {"header": False, "names": ["x", "y"]}, ["x", "y"]),
    ],
)
def test_the_names_of_columns(text: str, options: dict[str, Any], columns: list[str]) -> None:
    file = io.BytesIO(text.encode())
    assert read_columns(file, {**OPTIONS, **options}) == columns


def test_names_in_another_encoding() -> None:
    latin = io.BytesIO("é,b\n".encode("latin-1"))
    assert read_columns(latin, {**OPTIONS, "encoding": "latin-1"}) == ["é", "b"]
    with pytest.raises(PermanentError, match="the header is not UTF-8"):
        read_columns(io.BytesIO("é,b\n".encode("latin-1")), OPTIONS)


@pytest.mark.parametrize(
    ("key", "value"), [("a//b", ""), ("a/x=y/b", "x=y"), ("a/../b", ".."), ("a/é/b", "é")]
)
def test_a_partition_has_a_plain_value(
    monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    monkeypatch.setenv("PARTITION_PATTERN", "^a/(?P<part>[^/]*)/")
    partition = load_partition()
    if value == "..":
        assert partition(key) == "part=../"
    else:
        with pytest.raises(PermanentError, match=f"gives the partition part the value '{value}'"):
            partition(key)


_keys = st.lists(st.sampled_from(["2026", "01", "year=2026", "a"]), min_size=1, max_size=4).map(
    "/".join
)


@given(_keys, _keys)
def test_two_sources_in_partitions_never_share_an_output(one: str, other: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARTITION_PATTERN", r"(?P<year>\d{4})")
        partition = load_partition()
    if one == other or "2026" not in one or "2026" not in other:
        return
    outputs = [
        output_key(key, "p/" + partition(key), ".csv", sources=("",)) for key in (one, other)
    ]
    assert outputs[0] != outputs[1]
