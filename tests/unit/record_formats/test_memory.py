"""What a file may take: memory in bytes allocated, time in calls; beyond it a permanent error."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from object_consumer import DeadlineError
from object_consumer.memory import Allowance, MemoryLimitError
from record_formats import FORMATS, RecordFormatError, Source, read_records
from record_formats.sizes import separators
from tests.unit.counting import calls, peak_bytes
from tests.unit.record_formats.files import a_file, output_of

MEGABYTE = 1024 * 1024
LIMIT = 8 * MEGABYTE
SOURCE = Source("s3://b/a.csv", "v1", datetime(2026, 1, 2, tzinfo=UTC))


def long_header(size: int) -> bytes:
    """One name of half the file, and rows of two bytes: as JSON each row has the name."""
    return b"n" * (size // 2) + b"\n" + b"1\n" * (size // 4)


def distinct_fields(size: int) -> bytes:
    """In CSV each field of any record is a column of all."""
    return b"[" + b",".join(b'{"%05d":1}' % number for number in range(size // 12)) + b"]"


def many_columns(size: int) -> bytes:
    names = ",".join(f"c{number}" for number in range(size // 14)).encode()
    return names + (b"\n" + b"," * (size // 14 - 1)) * 7


def one_object(size: int) -> bytes:
    return b"{" + b",".join(b'"%06d":1' % number for number in range(size // 11)) + b"}"


HOSTILE: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "a long header": ("csv", long_header),
    "many columns": ("csv", many_columns),
    "distinct fields": ("json", distinct_fields),
    "one field": ("csv", lambda size: b"a\n" + b"x" * size),
    "one wide field": ("csv", lambda size: b"a\n" + b"x" * size + "\U0001f600".encode()),
    "a field of many lines": ("csv", lambda size: b'a\n"' + b"x\n" * (size // 2) + b'"\n'),
    "a quote that is never closed": ("csv", lambda size: b'a\n"' + b"x\n" * (size // 2)),
    "a row of many fields": ("csv", lambda size: b"a,b\n" + b"," * size),
    "a ragged row": ("csv", lambda size: b"a,b\n1\n" + b"x,y\n" * (size // 4)),
    "many rows": ("csv", lambda size: b"a\n" + b"1\n" * (size // 8)),
    "many records": ("json", lambda size: b"[1" + b",1" * (size // 4) + b"]"),
    "many lines": ("jsonl", lambda size: b"1\n" * (size // 8)),
    "many names": ("json", one_object),
    "lists in a record": ("json", lambda size: b'{"a":[[]' + b",[]" * (size // 3) + b"]}"),
    "objects in a record": ("jsonl", lambda size: b'{"a":[{}' + b",{}" * (size // 3) + b"]}"),
    "texts in a record": ("json", lambda size: b'[{"a":["xy"' + b',"xy"' * (size // 5) + b"]}]"),
    "one text": ("json", lambda size: b'{"a":"' + b"x" * size + '\U0001f600"}'.encode()),
    "one long line": ("jsonl", lambda size: b'{"a":"' + b"x" * size + b'"}'),
    "a long name twice": ("json", lambda size: b'{"%b":1,"%b":2}' % ((b"n" * (size // 2),) * 2)),
    "not UTF-8": ("csv", lambda size: b"a\n" + "é".encode() * (size // 2) + b"\xff"),
}


def convert(content: bytes, kind: str, output: str) -> bytes:
    allowance = Allowance(LIMIT)
    allowance.hold(len(content), "the file")
    records = read_records(a_file(content), kind, None, allowance)
    return output_of(records, output, SOURCE, allowance=allowance)


@pytest.mark.parametrize("output", ["json", "csv"])
@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_takes_more_memory_than_is_allowed(name: str, output: str) -> None:
    kind, make = HOSTILE[name]
    content = make(120_000)

    def work() -> None:
        with suppress(MemoryLimitError, RecordFormatError):
            convert(content, kind, output)

    assert peak_bytes(work) < LIMIT


@pytest.mark.parametrize(
    ("name", "output", "message"),
    [
        ("a long header", "json", r"^line \d+: the records so far have [\d,]+ bytes as JSON"),
        (
            "distinct fields",
            "csv",
            r"^the output has 7[\d,]+ bytes or more; the function",
        ),
        ("a row of many fields", "json", r"^line 2, column 1: takes [\d,]+ bytes of memory"),
        ("texts in a record", "csv", r"^record 1: takes [\d,]+ bytes of memory where"),
    ],
)
def test_what_is_too_much_says_where_and_what_to_raise(
    name: str, output: str, message: str
) -> None:
    kind, make = HOSTILE[name]

    with pytest.raises(MemoryLimitError, match=message) as caught:
        convert(make(300_000 if name == "texts in a record" else 105_000), kind, output)

    assert "memory" in str(caught.value)
    assert "raise" in str(caught.value)


def test_records_that_are_not_kept_are_the_same() -> None:
    content = long_header(10_000)
    kept = read_records(a_file(content), "csv")
    made = read_records(a_file(content), "csv", None, Allowance(4 * MEGABYTE))

    assert len(made) == len(kept)
    assert [bytes(record) for record in made] == [bytes(record) for record in kept]
    assert [bytes(record) for record in made] == [bytes(record) for record in kept]
    assert peak_bytes(
        lambda: read_records(a_file(content), "csv", None, Allowance(4 * MEGABYTE))
    ) < (3 * MEGABYTE)
    assert output_of(made, "csv", SOURCE) == output_of(kept, "csv", SOURCE)


def test_gzip_is_what_python_makes_of_the_whole() -> None:
    records = read_records(a_file(b"a\n" + b"1\n" * 9000), "csv")
    plain = output_of(records, "jsonl", SOURCE)

    assert output_of(records, "jsonl", SOURCE, gzip=True) == gzip.compress(plain, 6, mtime=0)


_cells = st.text(st.sampled_from('a,"\n\r é'), max_size=4)


@given(st.lists(st.dictionaries(st.integers(0, 60).map("f{}".format), _cells, max_size=3)))
def test_a_row_of_few_cells_is_written_as_csv_writes_it(rows: list[dict[str, str]]) -> None:
    wide = {f"f{number}": "x" for number in range(60)}
    records = [msgspec.Raw(json.dumps(row).encode()) for row in [wide, *rows]]

    written = output_of(records, "csv", SOURCE).decode()

    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    names = list(dict.fromkeys(name for row in [wide, *rows] for name in row))
    added = ("s3://b/a.csv", "v1", "2026-01-02T00:00:00Z", str(len(records)))
    writer.writerow((*names, "_source", "_version", "_processed_at", "_record_count"))
    for row in [wide, *rows]:
        writer.writerow((*(row.get(name, "") for name in names), *added))
    assert written == table.getvalue()


def test_a_row_takes_the_time_of_its_cells_not_of_the_columns() -> None:
    few, many = (read_records(a_file(distinct_fields(12 * count)), "json") for count in (200, 2000))
    output_of(few, "csv", SOURCE)

    assert calls(lambda: output_of(many, "csv", SOURCE)) < 11 * calls(
        lambda: output_of(few, "csv", SOURCE)
    )


@pytest.mark.parametrize("output", FORMATS)
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("csv", b"a\n" + b"1\n" * 20_000),
        ("jsonl", b"1\n" * 20_000),
        ("json", b"[1" + b",1" * 20_000 + b"]"),
    ],
)
def test_a_file_that_was_given_up_stops_wherever_it_is(
    monkeypatch: pytest.MonkeyPatch, kind: str, content: bytes, output: str
) -> None:
    monkeypatch.setattr("record_formats.text.PART", 4096)
    asked = 0
    last = None

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == last:
            raise DeadlineError("the invocation is over")

    def work() -> None:
        allowance = Allowance(check=check)
        records = read_records(a_file(content), kind, None, allowance)
        output_of(records, output, SOURCE, allowance=allowance)

    work()
    in_all = asked
    assert in_all >= 5

    for last in (1, in_all // 2, in_all):
        asked = 0
        with pytest.raises(DeadlineError):
            work()
        assert asked == last


@given(st.lists(st.text('",[{\\') | st.dictionaries(st.text('",['), st.lists(st.integers()))))
def test_structure_is_counted_outside_of_texts_alone(documents: list[object]) -> None:
    text = json.dumps(documents).encode()

    def inside(value: object) -> tuple[int, int]:
        children = value if isinstance(value, list) else []
        if isinstance(value, dict):
            children = list(value.values())
        found = [inside(child) for child in children]
        commas = max(0, len(children) - 1) + sum(commas for commas, _ in found)
        return commas, isinstance(value, list | dict) + sum(opened for _, opened in found)

    assert separators(text) == inside(documents)
