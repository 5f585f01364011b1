"""Reading in parts: what comes out doesn't depend on the parts, and reading can go on anywhere."""

import csv
import io
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from object_consumer import PermanentError
from object_consumer.memory import Allowance, MemoryLimitError
from record_formats import BEGIN, Position, RecordFormatError, read_batches, read_records, text
from tests.unit.counting import calls, peak_bytes
from tests.unit.record_formats.files import a_file

PARTS = st.integers(1, 40)

_texts = st.text(st.sampled_from('a"\\{}[],:\n\r\té日😀 '), max_size=6)
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)
_records = st.dictionaries(_texts, _values, max_size=3)
_spaces = st.sampled_from(["", " ", "\n", "\r\n  "])


def _document(values: list[object], space: str, mark: str) -> str:
    return f"{mark}[{space}{f'{space},{space}'.join(map(_spelt, values))}{space}]{space}"


def _spelt(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(values: list[object], ends: list[str]) -> str:
    return "".join(_spelt(value) + end for value, end in zip(values, ends, strict=False))


def _concatenated(records: list[dict[str, object]], gaps: list[str]) -> str:
    return "".join(gap + _spelt(record) for record, gap in zip(records, gaps, strict=False))


def _table(rows: list[list[str]], end: str) -> str:
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator=end)
    writer.writerow(("a", "n", "é"))
    writer.writerows((*row, "x") for row in rows)
    return table.getvalue()


_rows = st.lists(
    st.tuples(st.text(st.sampled_from('x",\n\ré '), max_size=4), st.sampled_from(["1.50", "x", ""]))
)
FILES = (
    st.tuples(
        st.just("json"),
        st.builds(_document, st.lists(_values), _spaces, st.sampled_from(["", "\ufeff"])),
    )
    | st.tuples(st.just("json"), _records.map(_spelt))
    | st.tuples(
        st.just("jsonl"),
        st.builds(
            _lines,
            st.lists(_values, min_size=1),
            st.lists(st.sampled_from(["\n", "\r\n", " \n\n"]), min_size=20),
        ),
    )
    | st.tuples(
        st.just("jsonl"),
        st.builds(
            _concatenated,
            st.lists(_records, min_size=1),
            st.lists(st.sampled_from(["", "", " ", "\n"]), min_size=20),
        ),
    )
    | st.tuples(st.just("csv"), st.builds(_table, _rows, st.sampled_from(["\n", "\r\n", "\r"])))
)


@contextmanager
def parts_of(size: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "PART", size)
        yield


def read(content: bytes, kind: str, **settings: Any) -> list[list[bytes]]:
    """Return the texts of the records in each batch."""
    batches = read_batches(a_file(content), kind, {"n": {"number"}}, **settings)
    return [list(map(bytes, batch.records)) for batch in batches]


def flat(batches: list[list[bytes]]) -> list[bytes]:
    return list(itertools.chain.from_iterable(batches))


@given(FILES, PARTS)
def test_the_records_do_not_depend_on_the_parts(file: tuple[str, str], part: int) -> None:
    kind, content = file[0], file[1].encode()
    whole = read(content, kind)

    with parts_of(part):
        assert flat(read(content, kind)) == flat(whole)
        assert flat(read(content, kind, checked=True)) == flat(whole)


@given(FILES, PARTS, st.integers(0, 300), st.sampled_from([b"x", b"\xff", b"\0", b"{", b'"', b","]))
def test_neither_does_whether_a_file_is_refused(
    file: tuple[str, str], part: int, place: int, junk: bytes
) -> None:
    kind, content = file[0], file[1].encode()
    content = content[:place] + junk + content[place:]

    def outcome() -> list[bytes] | None:
        try:
            return flat(read(content, kind))
        except RecordFormatError:
            return None

    whole = outcome()
    with parts_of(part):
        assert outcome() == whole


@given(FILES, PARTS, PARTS)
def test_reading_goes_on_at_the_end_of_any_batch(
    file: tuple[str, str], part: int, later_part: int
) -> None:
    kind, content = file[0], file[1].encode()
    records = flat(read(content, kind))
    with parts_of(part):
        ends = [batch.end for batch in read_batches(a_file(content), kind)]

    for end in ends:
        position = Position(*json.loads(json.dumps(end)))
        with parts_of(later_part):
            rest = read(content, kind, start=position)
        assert flat(rest) == records[position.number :]
    assert [end.number for end in ends] == sorted({end.number for end in ends} - {0})


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("json", '[{"a":1},\n{"é":2},{"b" 3}]', "line 2, column 14: expected ':'"),
        ("json", '[{"a":1},\n{"é":2}', "line 2, column 8: the JSON ends too soon"),
        ("jsonl", '{"a":1}{"é":2}{"b" 3}', "line 1, column 20: expected ':'"),
        ("csv", 'a,b\n"x\ny",2\né,2\n1', "line 5, column 2: the field 'b' is missing"),
    ],
)
def test_an_error_after_going_on_is_named_by_its_place_in_the_file(
    kind: str, content: str, message: str
) -> None:
    data = content.encode()
    starts = [BEGIN]
    with parts_of(1):
        with pytest.raises(RecordFormatError) as caught:
            starts.extend(batch.end for batch in read_batches(a_file(data), kind))
        assert message in str(caught.value)
        for start in starts:
            with pytest.raises(RecordFormatError) as caught:
                read(data, kind, start=start)
            assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"r":[1,2]}', [b"1", b"2"]),
        (b' {"a":{"r":[0]},"r" : [ ] , "b":[]}', []),
        (b'{"a":"\\"r\\":[0]","\\u0072":[{"r":[0]}],"b":1} ', [b'{"r":[0]}']),
    ],
)
@pytest.mark.parametrize("part", [1, 8, text.PART])
def test_records_of_a_member(part: int, content: bytes, expected: list[bytes]) -> None:
    with parts_of(part):
        assert flat(read(content, "json", member="r")) == expected
        for batch in read_batches(a_file(content), "json", member="r"):
            rest = read(content, "json", member="r", start=batch.end)
            assert flat(rest) == expected[batch.end.number :]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a":[1]}', "the document has no member 'r' that is a list"),
        (b'{"r":{}}', "the document has no member 'r' that is a list"),
        (b"[1]", "the document has no member 'r' that is a list"),
        (b'{"a":1,\n"r":[1,2],"r":[]}', "line 2, column 11: a second 'r' in one object"),
        (b'{"a":1,"a":2,\n"r":[1]}', "line 1, column 8: a second 'a' in one object"),
        (b'{"a" 1,"r":[]}', "line 1, column 6: expected ':'"),
        (b'{"r":[1]', "line 1, column 9: the JSON ends too soon"),
        (b'{"r":[1]}\n]', "line 2, column 1: trailing characters"),
        (b'{"r":[{"b":1,"b":1}]}', "line 1, column 14: a second 'b' in one object"),
    ],
)
@pytest.mark.parametrize("part", [1, text.PART])
def test_a_document_around_records_is_checked(part: int, content: bytes, message: str) -> None:
    with parts_of(part), pytest.raises(RecordFormatError) as caught:
        read(content, "json", member="r")
    assert message in str(caught.value)


def _large(kind: str, size: int) -> bytes:
    record = b'{"id":%d,"name":"Gr\xc3\xbc\xc3\x9fe","list":[{"a":1},{"b":[2,3]}]}'
    if kind == "csv":
        return b"id,name\n" + b"".join(b'%d,"a\nb"\n' % number for number in range(size // 10))
    separator = {"json": b",\n", "jsonl": b"\n", "concatenated": b""}[kind]
    content = separator.join(record % number for number in range(size // 60))
    return b"[" + content + b"]" if kind == "json" else content


@pytest.mark.parametrize("kind", ["json", "jsonl", "concatenated", "csv"])
def test_a_larger_file_takes_no_more_memory(kind: str) -> None:
    content = _large(kind, 600_000)
    open_file = a_file(content)
    allowance = Allowance(200_000)

    def work() -> None:
        records = read_records(
            open_file, kind if kind != "concatenated" else "jsonl", None, allowance
        )
        assert sum(1 for _ in records) == len(records)

    with parts_of(4 * 1024):
        assert peak_bytes(work) < 350_000


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("json", b'[{"a":"' + b"x" * 600_000 + b'"}]'),
        ("json", b'{"a":"' + b"x" * 600_000 + b'"}'),
        ("jsonl", b'{"a":"' + b"x" * 600_000 + b'"}'),
        ("csv", b'a\n"' + b"x\n" * 300_000 + b'"\n'),
    ],
)
def test_a_record_larger_than_the_memory_is_refused_with_its_place(
    kind: str, content: bytes
) -> None:
    with pytest.raises(MemoryLimitError, match=r"^line [12]\b.* raise the function's memory"):
        read_records(a_file(content), kind, None, Allowance(500_000))


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("json", lambda size: b'[{"a":"' + b"},{" * size + b'"},1]'),
        ("json", lambda size: b"[" + b'[{"a":1},{"a":2}],' * size + b"0]"),
        ("jsonl", lambda size: b'{"a":"' + b"}{" * size + b'"}'),
        ("jsonl", lambda size: b'{"a":[' + b"1," * size),
        ("csv", lambda size: b'a\n"' + b'""\n' * size),
        ("csv", lambda size: b"a\r" + b"1\r" * size),
    ],
)
def test_time_grows_with_the_file(kind: str, make: Any) -> None:
    def work(size: int) -> int:
        def attempt() -> None:
            with suppress(PermanentError):
                read(make(size), kind)

        with parts_of(512):
            return calls(attempt)

    work(100)
    # What is read doubles, so that the last step may be twice as long.
    assert work(40_000) < 25 * work(4_000)
