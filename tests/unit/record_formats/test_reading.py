"""Reading records: what comes out, and what is said of what can't be read."""

import gzip
import json
from bisect import bisect_left
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from object_consumer.memory import Allowance
from record_formats import RecordFormatError, read_batches, read_records, text
from tests.unit.record_formats.files import a_file


def texts(content: bytes, kind: str, types: dict[str, set[str]] | None = None) -> list[str]:
    return [bytes(record).decode() for record in read_records(a_file(content), kind, types)]


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (b'[{"a": 1}, 2]', "json", ['{"a": 1}', "2"]),
        (b'{"a": 1}', "json", ['{"a": 1}']),
        (b" null ", "json", ["null"]),
        (b"[]", "json", []),
        (b'{"a": 1}\r\n\n[2, 3]\n', "jsonl", ['{"a":1}', "[2,3]"]),
        (b"a,b\n1,x\n", "csv", ['{"a":"1","b":"x"}']),
        (b"a\tb\n1\tx\n", "tsv", ['{"a":"1","b":"x"}']),
        (
            b'a,b\r\n"line\nbreak","say ""hi"""\r\n',
            "csv",
            [r'{"a":"line\nbreak","b":"say \"hi\""}'],
        ),
        (b"\n\r\na,b\r1,2\r", "csv", ['{"a":"1","b":"2"}']),
        (b"a,b\n\n1,2\n", "csv", ['{"a":"1","b":"2"}']),
        (b"a,b\n", "csv", []),
        ("\ufeffa\né\n".encode(), "csv", ['{"a":"é"}']),
        ('\ufeff["é"]'.encode(), "json", ['"é"']),
    ],
)
def test_records_of_each_format(content: bytes, kind: str, expected: list[str]) -> None:
    assert texts(content, kind) == expected


NUMBERS = ["1.10", "1e400", "-0.0", "0.1000", "1E+5", "12345678901234567890.123", "9" * 40, "-0"]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_keep_their_digits(number: str) -> None:
    assert texts(f"[{number}]".encode(), "json") == [number]
    assert texts(f"{number}\n".encode(), "jsonl") == [number]
    assert texts(f"n\n{number}\n".encode(), "csv", {"n": {"number"}}) == [f'{{"n":{number}}}']


def test_columns_become_what_the_schema_says_and_stay_text_where_they_do_not_fit() -> None:
    types = {"i": {"integer"}, "n": {"number"}, "b": {"boolean"}}
    content = b"i,n,b,s\n1,1.50,true,007\n1.5,x,TRUE,\n01,+1,1,\n,,,\n"

    assert texts(content, "csv", types) == [
        '{"i":1,"n":1.50,"b":true,"s":"007"}',
        '{"i":1.5,"n":"x","b":"TRUE","s":""}',
        '{"i":"01","n":"+1","b":"1","s":""}',
        '{"i":null,"n":null,"b":null,"s":""}',
    ]


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"", "json", "the file is empty"),
        (b" \n\t", "csv", "the file is empty"),
        (b'{"a": 1,\n "b": }', "json", "line 2, column 7: invalid character"),
        (b"[1,\n 2", "json", "line 2, column 3: the JSON ends too soon"),
        (b"[1] x", "json", "line 1, column 5: trailing characters"),
        (b"[NaN]", "json", "line 1, column 2: invalid character"),
        (b"[Infinity]", "json", "line 1, column 2: invalid character"),
        (b"[1,]", "json", "line 1, column 4: trailing comma in array"),
        ('["é", x]'.encode(), "json", "line 1, column 7: invalid character"),
        (b"[" * 100_000 + b"]" * 100_000, "json", "line 1, column 1001: nested too deeply"),
        (b"[\n" * 100_000, "json", "line 1001, column 1: nested too deeply"),
        (b"1\n" + b'{"a":' * 100_000, "jsonl", "line 2, column 5001: nested too deeply"),
        (b'{"a": 1}\n{"a": }\n', "jsonl", "line 2, column 7: invalid character"),
        (b"1\x0b\n", "jsonl", "line 1, column 2: trailing characters"),
        (b"1\n\x0c\n", "jsonl", "line 2, column 1: invalid character"),
        (b'{"a":\n1}\n', "jsonl", "line 1, column 6: the JSON ends too soon"),
        ('["é"]'.encode("latin-1"), "json", "line 1, column 3: byte 0xe9 is not UTF-8"),
        ("[1]".encode("utf-16"), "json", "the file is UTF-16; expected text in UTF-8"),
        ("[1]".encode("utf-32"), "json", "the file is UTF-32; expected text in UTF-8"),
        ("a,b".encode("utf-16-be"), "csv", "line 1, column 1: a NUL byte"),
        (gzip.compress(b"[1]", mtime=0), "json", "the file is compressed with gzip; expected text"),
        (b'["\\\\", "\\ud800"]', "json", "line 1, column 9: half of a surrogate pair"),
        (b'{"a": 1, "a": 2}', "json", "line 1, column 10: a second 'a' in one object"),
        (
            b'[{"a": 1},\n {"b": {"c": [], "\\u0063": 2}}]',
            "json",
            "line 2, column 18: a second 'c'",
        ),
        (b'{"a": 1}\n{"b": 1, "b": 1}\n', "jsonl", "line 2, column 10: a second 'b'"),
        (b"[1, 02]", "json", "line 1, column 6: invalid number"),
        (b'["\x01"]', "json", "line 1, column 3: invalid character"),
        (b"\xef\xbb\xbf[1,]", "json", "line 1, column 4: trailing comma"),
        (b"a,b\n1,\x002\n", "csv", "line 2, column 3: a NUL byte"),
        (b"a,b\n1,2\n3\n", "csv", "line 3, column 2: the field 'b' is missing (1 in the row, 2 in"),
        (b'a,b\n"x\ny",2\n1,2,3\n', "csv", "line 4, column 5: a surplus field (3 in the row, 2"),
        (b'a,b\n"x\ny",2,3\n', "csv", "line 3, column 6: a surplus field"),
        ("a,b\né,ü,3\n".encode(), "csv", "line 2, column 5: a surplus field"),
        (b"a,b\n \n", "csv", "line 2, column 2: the field 'b' is missing"),
        (b'a,b\n1,"x\n2,3\n', "csv", "line 2, column 3: the quote is never closed"),
        (b'a,b\n1,"x""\n', "csv", "line 2, column 3: the quote is never closed"),
        (b'a,b\n1,2\n"x"y,2\n', "csv", "line 3, column 4: expected ',' or the row's end"),
        (b"a,,c\n1,2,3\n", "csv", "line 1, column 3: the column has no name"),
        (b"a,b,a\n1,2,3\n", "csv", "line 1, column 5: a second column 'a'"),
        (b"a\tb\ta\n", "tsv", "line 1, column 5: a second column 'a'"),
    ],
)
@pytest.mark.parametrize("part", [1, 7, text.PART])
def test_what_can_not_be_read_is_named_by_line_and_column(
    monkeypatch: pytest.MonkeyPatch, part: int, content: bytes, kind: str, message: str
) -> None:
    monkeypatch.setattr(text, "PART", part)
    with pytest.raises(RecordFormatError) as caught:
        read_records(a_file(content), kind)
    assert message in str(caught.value)


@given(st.binary(max_size=200), st.sampled_from(["json", "jsonl", "csv", "tsv"]))
def test_no_bytes_do_anything_but_be_read_or_refused(content: bytes, kind: str) -> None:
    with suppress(RecordFormatError):
        assert all(
            json.loads(bytes(record)) is not ... for record in read_records(a_file(content), kind)
        )


@given(st.lists(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.none())))
def test_json_and_json_lines_give_back_what_was_written(
    documents: list[dict[str, str | int | None]],
) -> None:
    array = json.dumps(documents).encode()
    assert [
        json.loads(bytes(record)) for record in read_records(a_file(array), "json")
    ] == documents
    if documents:
        lines = "\n".join(map(json.dumps, documents)).encode()
        assert [
            json.loads(bytes(record)) for record in read_records(a_file(lines), "jsonl")
        ] == documents


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def is_too_deep(depth: int) -> bool:
    """Whether the decoder refuses this depth, which differs between platforms."""
    try:
        msgspec.json.decode(nested(depth), type=msgspec.Raw)
    except RecursionError:
        return True
    return False


@pytest.mark.parametrize(
    ("kind", "member", "around"),
    [
        ("json", None, b'[{"id": 1, "v": %s}]'),
        ("json", None, b'[1, {"v": %s}, 2]'),
        ("json", None, b'{"v": %s}'),
        ("json", "Records", b'{"Records": [{"v": %s}]}'),
        ("jsonl", None, b'{"v": %s}\n'),
    ],
)
def test_whatever_the_depth_it_is_read_or_refused(
    kind: str, member: str | None, around: bytes
) -> None:
    outcomes = set()
    limit = bisect_left(range(100_000), 1, key=is_too_deep)
    for depth in range(limit - 10, limit + 3):
        content = around % nested(depth)
        batches = read_batches(a_file(content), kind, {}, Allowance(), member=member)
        try:
            outcomes.add("read" if any(batch.records for batch in batches) else "nothing")
        except RecordFormatError as error:
            outcomes.add(str(error).rpartition(": ")[2])

    assert outcomes == {"read", "nested too deeply"}
