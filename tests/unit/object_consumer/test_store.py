"""What an object store decides before S3 is asked, and what of an object that S3 doesn't find."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from object_consumer import ObjectNotVisibleError, PermanentError
from object_consumer.store import check_visible
from object_consumer.testing import MemoryStore, make_event


@pytest.mark.parametrize("last", ["a", "é", "日"])
def test_a_key_that_s3_would_refuse_is_a_permanent_error(last: str) -> None:
    store, width = MemoryStore(), len(last.encode())
    fits = "k" * (1024 - width) + last

    store.write("files", fits, b"", content_type="text/plain")
    with pytest.raises(
        PermanentError, match="the key to be written has 1,025 bytes; S3 accepts 1,"
    ):
        store.write("files", f"k{fits}", b"", content_type="text/plain")


def test_metadata_that_s3_would_refuse_is_a_permanent_error() -> None:
    store = MemoryStore()
    fits = {"source": "x" * 2000, "version": "v" * (2048 - len("sourceversion") - 2000)}

    store.write("files", "a", b"", content_type="text/plain", metadata=fits)
    with pytest.raises(PermanentError, match="the metadata to be written has 2,049 bytes"):
        store.write("files", "b", b"", content_type="text/plain", metadata=fits | {"x": ""})
    assert store.keys(bucket="files") == ["a"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"metadata": {"a\r\nx-amz-acl": "public-read"}}, "metadata 'a"),
        ({"metadata": {"a: b": "c"}}, "metadata 'a: b'"),
        ({"metadata": {"": "c"}}, "metadata ''"),
        ({"metadata": {"a": "b\r\nx-amz-acl: public-read"}}, "percent-encode it"),
        ({"content_type": "text/plain\r\nx-amz-acl: public-read"}, "content_type has the value"),
        ({"content_encoding": "gzip\n"}, "content_encoding has the value"),
        ({"key": "\ud800"}, "the key to be written is not UTF-8"),
    ],
)
def test_what_would_be_another_header_is_a_permanent_error(
    fields: dict[str, Any], reason: str
) -> None:
    store = MemoryStore()
    request: dict[str, Any] = {"key": "a", "content_type": "text/plain"} | fields

    with pytest.raises(PermanentError, match=reason):
        store.write("files", body=b"", **request)
    assert store.keys(bucket="files") == []


@pytest.mark.parametrize(
    ("age", "wait"), [(0, 60), (2, 58), (59, 1), (60, 840), (62, 838), (899, 1)]
)
def test_an_object_that_may_turn_up_is_looked_for_three_times(age: int, wait: int) -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    event = make_event("a", event_time=now - timedelta(seconds=age))

    with pytest.raises(ObjectNotVisibleError, match=f"not found {age} s after its event") as raised:
        check_visible(event, now)
    assert raised.value.retry_after == wait


def test_after_a_quarter_of_an_hour_an_object_is_gone() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)

    check_visible(make_event("a", event_time=now - timedelta(minutes=15)), now)


def test_an_event_from_a_clock_ahead_of_ours_is_recent() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)

    with pytest.raises(ObjectNotVisibleError) as raised:
        check_visible(make_event("a", event_time=now + timedelta(seconds=5)), now)
    assert raised.value.retry_after == 60
