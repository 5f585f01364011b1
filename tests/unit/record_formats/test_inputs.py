"""Which files a function reads: by the ends of their keys, or by its settings."""

import sys

import pytest

from object_consumer import SettingError
from record_formats import EXTENSIONS, RecordFormatError, input_format, load_input


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("incoming/a.json", "json"),
        ("A.JSON", "json"),
        ("a.b/c.jsonl", "jsonl"),
        ("a.ndjson", "jsonl"),
        ("日本.csv", "csv"),
        ("a.tsv", "tsv"),
        ("a.csv.gz", "csv"),
        ("A.JSON.GZ", "json"),
    ],
)
def test_a_file_is_what_its_key_ends_with(key: str, kind: str) -> None:
    assert input_format(key) == kind


@pytest.mark.parametrize(
    "key", ["a.parquet", "a", "a.json/b", "a.gz", "a.json.gz.gz", ".", "a.json "]
)
def test_any_other_end_is_refused_with_the_ones_that_are_known(key: str) -> None:
    with pytest.raises(RecordFormatError, match=r"known: \.json, \.jsonl, \.ndjson, \.csv"):
        input_format(key)


def test_by_default_the_key_says_the_format_and_every_size_is_read() -> None:
    files = load_input()

    assert files.format_of("a.tsv") == "tsv"
    assert files.sources == tuple(EXTENSIONS)
    assert (files.records_member, files.max_object_bytes) == (None, sys.maxsize)
    assert load_input(max_object_bytes=5).max_object_bytes == 5


def test_with_a_format_every_key_is_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INPUT_FORMAT", "jsonl")
    monkeypatch.setenv("RECORDS_MEMBER", "Records")
    monkeypatch.setenv("MAX_OBJECT_BYTES", "7")

    files = load_input()

    assert (files.format_of("a.csv"), files.format_of("a")) == ("jsonl", "jsonl")
    assert files.sources == ("",)
    assert (files.records_member, files.max_object_bytes) == ("Records", 7)


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("INPUT_FORMAT", "parquet", "one of csv, json, jsonl, tsv"),
        ("MAX_OBJECT_BYTES", "0", "a whole number and at least 1"),
    ],
)
def test_a_setting_that_is_not_accepted_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, accepted: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingError, match=f"{name} is '{value}'; accepted: {accepted}"):
        load_input()


def test_a_function_may_read_more_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    files = load_input({**EXTENSIONS, ".parquet": "parquet"})

    assert files.format_of("in/A.parquet") == "parquet"
    with pytest.raises(RecordFormatError, match=r"known: .*\.tsv, \.parquet, each also with \.gz"):
        files.format_of("a.xlsx")
    monkeypatch.setenv("INPUT_FORMAT", "parquet")
    assert load_input({".parquet": "parquet"}).format_of("a") == "parquet"
