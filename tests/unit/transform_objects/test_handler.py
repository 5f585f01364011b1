"""transform_objects, as its author would test it: events and a store in memory."""

import gzip
import importlib
import json
from datetime import datetime
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import pytest

from object_consumer import (
    DeadlineError,
    ObjectTooLargeError,
    PermanentError,
    SettingError,
    SkippedError,
)
from object_consumer.budget import Unlimited
from object_consumer.memory import Workspace
from object_consumer.testing import BUCKET, MemoryStore, make_event
from tests.unit.counting import peak_bytes

SCHEMA = {
    "type": "object",
    "required": ["id", "price"],
    "properties": {"id": {"type": "integer"}, "price": {"type": "number", "exclusiveMinimum": 0}},
}


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> ModuleType:
    """Import the function as Lambda does, with these variables."""
    for name, value in {"OUTPUT_BUCKET": BUCKET, "OUTPUT_PREFIX": "processed/"}.items():
        monkeypatch.setenv(name, value)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return importlib.reload(importlib.import_module("transform_objects.handler"))


def transform(
    module: ModuleType, key: str, body: bytes, store: MemoryStore | None = None
) -> tuple[dict[str, Any], MemoryStore]:
    store = store or MemoryStore()
    fields = module.handler.function(store.upload(key, body), store)
    return dict(fields), store


@pytest.fixture(scope="module", autouse=True)
def a_bucket() -> Any:
    """Let the module be imported at all; each test sets its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTPUT_BUCKET", BUCKET)
        yield


def test_records_are_written_with_their_source(monkeypatch: pytest.MonkeyPatch) -> None:
    fields, store = transform(load(monkeypatch), "incoming/a b.json", b'[{"n": 1.10}]')

    written = store.stored("processed/incoming/a b.json")
    assert json.loads(written.body) == {
        "source": f"s3://{BUCKET}/incoming/a b.json",
        "version": "version-1",
        "processed_at": "2026-01-01T00:00:01Z",
        "record_count": 1,
        "records": [{"n": 1.1}],
    }
    assert b"1.10" in written.body
    assert written.content_type == "application/json"
    assert written.metadata["source"] == f"s3://{BUCKET}/incoming/a%20b.json"
    assert fields == {
        "output": f"s3://{BUCKET}/processed/incoming/a b.json",
        "output_bytes": len(written.body),
        "records": 1,
    }


def test_gzip_output_is_equal_for_the_same_version(monkeypatch: pytest.MonkeyPatch) -> None:
    module = load(monkeypatch, OUTPUT_GZIP="true", OUTPUT_FORMAT="jsonl")
    store = MemoryStore()
    event = store.upload("incoming/a.csv", b"a\n1\n")

    module.handler.function(event, store)
    first = store.stored("processed/incoming/a.csv.jsonl.gz")
    module.handler.function(event, store)

    assert store.stored("processed/incoming/a.csv.jsonl.gz").body == first.body
    assert json.loads(gzip.decompress(first.body))["a"] == "1"
    assert first.content_encoding == "gzip"


def test_records_that_satisfy_the_schema_pass_and_csv_gets_its_types(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = load(monkeypatch, JSON_SCHEMA=json.dumps(SCHEMA))

    _, store = transform(module, "a.csv", b"id,price,name\n1,2.50,007\n")

    assert b'{"id":1,"price":2.50,"name":"007"}' in store.stored("processed/a.csv.json").body


def test_records_that_do_not_are_permanent_errors_with_record_path_and_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = load(monkeypatch, JSON_SCHEMA=json.dumps(SCHEMA))

    with pytest.raises(PermanentError) as caught:
        transform(module, "a.json", b'[{"id": 1, "price": 2}, {"id": "x", "price": 0}, {}]')

    message = str(caught.value)
    assert "record 2, $.id: 'x' is not of type 'integer'" in message
    assert "record 2, $.price: 0 is less than or equal to the minimum of 0" in message
    assert message.count("record 3") == 1


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("JSON_SCHEMA", "{not json", "JSON_SCHEMA: not a valid JSON Schema"),
        ("JSON_SCHEMA", '{"type": "nonsense"}', "JSON_SCHEMA: not a valid JSON Schema"),
        ("JSON_SCHEMA", '{"pattern": "("}', "'(' is not a 'regex'"),
        (
            "JSON_SCHEMA",
            '{"properties": {"a": {"$ref": "#/$defs/b"}}}',
            "'/$defs/b' does not exist",
        ),
        (
            "JSON_SCHEMA",
            '{"$ref": "https://example.com/a"}',
            "JSON_SCHEMA: not a valid JSON Schema",
        ),
        ("JSON_SCHEMA_URI", "https://example.com/schema", "JSON_SCHEMA_URI (https"),
        ("OUTPUT_FORMAT", "xml", "OUTPUT_FORMAT is 'xml'; accepted: one of csv, json, jsonl"),
        ("OUTPUT_GZIP", "perhaps", "OUTPUT_GZIP is 'perhaps'"),
        ("MAX_OBJECT_BYTES", "0", "MAX_OBJECT_BYTES is '0'"),
        ("OUTPUT_BUCKET", "", "OUTPUT_BUCKET is required"),
    ],
)
def test_a_bad_setting_fails_at_init_and_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    with pytest.raises(SettingError) as caught:
        load(monkeypatch, **{variable: value})
    assert message in str(caught.value)


def test_schema_and_schema_uri_exclude_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="not both"):
        load(monkeypatch, JSON_SCHEMA="{}", JSON_SCHEMA_URI="s3://b/k")


@pytest.mark.parametrize(
    ("prefix", "key", "advice"),
    [
        ("processed/", "processed/a.json", "or choose another OUTPUT_PREFIX"),
        ("", "a.json", "set OUTPUT_PREFIX, or another OUTPUT_BUCKET"),
    ],
)
def test_its_own_output_is_refused_and_not_processed_again(
    monkeypatch: pytest.MonkeyPatch, prefix: str, key: str, advice: str
) -> None:
    store = MemoryStore()

    with pytest.raises(PermanentError, match="its own output in a loop") as caught:
        transform(load(monkeypatch, OUTPUT_PREFIX=prefix), key, b"[1]", store)

    assert advice in str(caught.value)
    assert store.stored(key).body == b"[1]"


def test_the_same_key_in_another_bucket_is_no_output(monkeypatch: pytest.MonkeyPatch) -> None:
    _, store = transform(load(monkeypatch, OUTPUT_BUCKET="elsewhere"), "processed/a.json", b"[1]")

    assert store.keys(bucket="elsewhere") == ["processed/processed/a.json"]


def test_there_is_nothing_to_transform_in_a_removed_object(monkeypatch: pytest.MonkeyPatch) -> None:
    event = make_event("a.json", event_name="ObjectRemoved:Delete")

    with pytest.raises(SkippedError, match="removal"):
        load(monkeypatch).handler.function(event, MemoryStore())


def test_the_processing_time_is_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    module, store = load(monkeypatch, OUTPUT_FORMAT="jsonl"), MemoryStore()
    event = store.upload("a.json", b"[{}]")

    module.handler.function(event, store)

    line = json.loads(store.stored("processed/a.json.jsonl").body)
    assert datetime.fromisoformat(line["_processed_at"]) == event.event_time


@pytest.mark.parametrize("key", ["日本/übung 100% + más & x.json", "k" * 995 + ".json"])
def test_the_source_is_in_the_metadata_whatever_its_key(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    _, store = transform(load(monkeypatch), key, b"[1]")

    metadata = store.stored(f"processed/{key}").metadata
    assert unquote(metadata["source"]) == f"s3://{BUCKET}/{key}"
    assert metadata["source-version"] == "version-1"


def test_a_source_too_long_for_metadata_is_left_to_the_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = "日" * 300 + ".json"

    _, store = transform(load(monkeypatch), key, b"[1]")

    written = store.stored(f"processed/{key}")
    assert written.metadata == {"source-version": "version-1"}
    assert json.loads(written.body)["source"] == f"s3://{BUCKET}/{key}"


def test_a_schema_that_refers_to_itself_only_is_no_endless_retry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(PermanentError, match="nested too deeply"):
        transform(load(monkeypatch, JSON_SCHEMA='{"$ref": "#"}'), "a.json", b"[1]")


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl"])
@pytest.mark.parametrize("output", ["csv", "json", "jsonl"])
def test_a_file_larger_than_the_memory_gives_what_a_smaller_one_would(
    monkeypatch: pytest.MonkeyPatch, kind: str, output: str
) -> None:
    rows = [f'{{"id":"{number}","price":{number}.50}}' for number in range(5000)]
    bodies = {
        "csv": "\n".join(["id,price", *(f"{number},{number}.50" for number in range(5000))]),
        "json": f"[{',\n'.join(rows)}]",
        "jsonl": "\n".join(rows),
    }
    schema = json.dumps({"properties": {"id": {"type": "string"}, "price": {"type": "number"}}})
    module = load(monkeypatch, OUTPUT_FORMAT=output, JSON_SCHEMA=schema)
    monkeypatch.setattr("record_formats.text.PART", 10_000)
    results = []

    for limit in (1 << 30, 100_000):
        monkeypatch.setattr(module, "WORKSPACE", Workspace(limit, limit))
        fields, store = transform(module, f"a.{kind}", bodies[kind].encode())
        assert fields["records"] == 5000
        results.append(store.stored(fields["output"].removeprefix(f"s3://{BUCKET}/")).body)

    assert results[0] == results[1]
    assert results[0].count(b"4999.50") == 1


def test_an_object_over_the_size_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module = load(monkeypatch, MAX_OBJECT_BYTES="5")

    with pytest.raises(ObjectTooLargeError):
        transform(module, "a.json", b"[1, 2]")
    with pytest.raises(ObjectTooLargeError):
        transform(module, "b.json", gzip.compress(b"[1, 2]"))
    assert transform(module, "c.json", b"[1,2]")[0]["records"] == 2


def test_a_file_that_was_given_up_does_not_hold_up_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Reservation(Unlimited):
        asked = 0

        def check(self) -> None:
            self.asked += 1
            # Reading, waiting and 20 batches of rows are behind it.
            if self.asked > 20:
                raise DeadlineError("the invocation is over")

    monkeypatch.setattr("record_formats.text.PART", 4096)
    module, reservation = load(monkeypatch), Reservation()
    rows = b"a\n" + b"1\n" * 50_000

    with pytest.raises(DeadlineError):
        transform(module, "slow.csv", rows, MemoryStore(reservation=reservation))
    fields, _ = transform(module, "healthy.csv", rows)

    assert fields["records"] == 50_000


def test_a_file_that_asks_for_too_much_memory_is_dead_lettered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = load(monkeypatch, AWS_LAMBDA_FUNCTION_MEMORY_SIZE="128")
    long_header = b"n" * 22_500 + b"\n" + b"1\n" * 11_250

    def work() -> None:
        with pytest.raises(
            PermanentError, match=r"as JSON; the function's memory allows 67,108,864"
        ):
            transform(module, "a.csv", long_header)

    assert peak_bytes(work) < 16 * 1024 * 1024
