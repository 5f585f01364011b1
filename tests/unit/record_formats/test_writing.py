"""Writing records: the three formats, what is added, and that nothing changes on the way."""

import csv
import gzip as gzip_format
import io
import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from record_formats import FORMATS, RecordFormatError, Source, read_records, write_records
from tests.unit.record_formats.files import a_file, output_of

SOURCE = Source("s3://b/incoming/a b.json", "v1", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def raw(*texts: str) -> list[msgspec.Raw]:
    return [msgspec.Raw(text.encode()) for text in texts]


def test_json_is_one_document_that_says_where_its_records_come_from() -> None:
    assert output_of(raw('{"a":1.10}', "2"), "json", SOURCE).decode() == (
        '{"source":"s3://b/incoming/a b.json","version":"v1",'
        '"processed_at":"2026-01-02T03:04:05Z","record_count":2,"records":[{"a":1.10},2]}'
    )


def test_each_line_of_json_lines_says_it() -> None:
    lines = output_of(raw('{"a" : 1.10}', "{}", "[1, 2]"), "jsonl", SOURCE).splitlines()

    assert [json.loads(line)["_record_count"] for line in lines] == [3, 3, 3]
    assert lines[0].startswith(b'{"a":1.10,"_source":"s3://b/incoming/a b.json","_version":"v1"')
    assert lines[1].startswith(b'{"_source":')
    assert lines[2].startswith(b'{"value":[1,2],"_source":')


def test_csv_has_every_field_of_any_record_as_a_column() -> None:
    records = raw('{"a":1.10,"b":"x,\\"y\\""}', '{"b":null,"c":{"d":[1]}}', "true")

    rows = list(csv.DictReader(io.StringIO(output_of(records, "csv", SOURCE).decode())))

    assert [rows[0][name] for name in ("a", "b", "c", "value")] == ["1.10", 'x,"y"', "", ""]
    assert [rows[1][name] for name in ("a", "b", "c", "value")] == ["", "", '{"d":[1]}', ""]
    assert rows[2]["value"] == "true"
    assert {row["_processed_at"] for row in rows} == {"2026-01-02T03:04:05Z"}


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_field_of_the_outputs_own_names_is_refused(kind: str) -> None:
    with pytest.raises(RecordFormatError, match="record 2: the field '_version'"):
        output_of(raw("{}", '{"_version": 1}'), kind, SOURCE)


def test_such_a_name_is_found_however_it_is_spelt() -> None:
    with pytest.raises(RecordFormatError, match="record 1: the field '_source'"):
        output_of(raw(r'{"\u005fsource": 1}'), "jsonl", SOURCE)


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_other_fields_may_begin_with_an_underscore(kind: str) -> None:
    assert b"_id" in output_of(raw('{"_id": 1}'), kind, SOURCE)


_names = st.sampled_from(["a", "b c", 'say "x"', "é,ü", "日本", "line\nbreak"])
_numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)


@given(st.lists(st.dictionaries(_names, _numbers, min_size=1, max_size=3), min_size=1, max_size=4))
def test_digits_survive_json_to_json_lines_to_csv_and_back(
    documents: list[dict[str, object]],
) -> None:
    columns = sorted({name for document in documents for name in document})
    complete = [{name: document.get(name, 0) for name in columns} for document in documents]
    texts = [
        "{" + ",".join(f"{json.dumps(name)}:{_spelling(row[name])}" for name in columns) + "}"
        for row in complete
    ]
    first = read_records(a_file(f"[{','.join(texts)}]".encode()), "json")
    lines = read_records(a_file(output_of(first, "jsonl", SOURCE)), "jsonl")
    table = output_of(first, "csv", SOURCE)
    back = read_records(a_file(table), "csv", dict.fromkeys(columns, "number"))

    for row, line, cells in zip(complete, lines, back, strict=True):
        for name in columns:
            for record in (line, cells):
                value = msgspec.json.decode(bytes(record), type=dict[str, msgspec.Raw])[name]
                assert bytes(value).decode() == _spelling(row[name])


def _spelling(number: object) -> str:
    return str(number).lower().replace("e+", "e")


def test_the_same_records_give_the_same_bytes() -> None:
    for kind in FORMATS:
        once = output_of(raw('{"b":1,"a":2}', '{"c":3}'), kind, SOURCE)
        assert once == output_of(raw('{"b":1,"a":2}', '{"c":3}'), kind, SOURCE)


@given(st.lists(st.dictionaries(_names, st.text(), min_size=1), min_size=1, max_size=4))
def test_any_text_survives_csv(documents: list[dict[str, str]]) -> None:
    columns = sorted({name for document in documents for name in document})
    # NUL is text in JSON and none in CSV.
    complete = [
        {name: document.get(name, "").replace("\0", "") for name in columns}
        for document in documents
    ]
    records = raw(*map(json.dumps, complete))

    back = read_records(a_file(output_of(records, "csv", SOURCE)), "csv")

    assert [{name: json.loads(bytes(row))[name] for name in columns} for row in back] == complete


@pytest.mark.parametrize("gzip", [False, True])
def test_nothing_is_written_after_an_error(gzip: bool) -> None:
    target = io.BytesIO()
    records = raw(*(f'{{"n":{number}}}' for number in range(20_000)), '{"_version":1}')

    with pytest.raises(RecordFormatError, match="record 20001: the field '_version'"):
        write_records(records, "jsonl", SOURCE, target, gzip=gzip)

    content = target.getvalue()
    assert content
    if gzip:
        with pytest.raises(EOFError):
            gzip_format.decompress(content)
