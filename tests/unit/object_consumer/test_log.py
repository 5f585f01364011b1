"""Log lines that CloudWatch takes whole, and metrics."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from object_consumer import (
    ObjectEvent,
    ObjectStore,
    RetryableError,
)
from object_consumer.log import Log
from tests.unit.object_consumer.consumer import Consumer, by_name
from tests.unit.object_consumer.deliveries import batch

type Lines = Callable[[], list[dict[str, Any]]]

MOST = 256 * 1024 - 26


def write(**fields: object) -> None:
    Log({"consumer": "load"}).write("INFO", "object done", fields)


@pytest.mark.parametrize("character", ["x", "é", "日"])
def test_a_line_that_fits_is_written_as_it_is(
    character: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(key="a", rows="")
    empty = len(capsys.readouterr().out.rstrip("\n").encode())
    room = (MOST - empty) // len(character.encode())

    for length, fits in ((room, True), (room + 1, False)):
        write(key="a", rows=character * length)
        text = capsys.readouterr().out.rstrip("\n")
        assert len(text.encode()) <= MOST
        line = json.loads(text)
        assert line["key"] == "a"
        assert ("rows" in line) is fits
        assert line.get("omitted_fields", ["rows"]) == ["rows"]


def test_of_a_long_line_only_the_largest_fields_are_left_out(lines: Lines) -> None:
    write(key="a", table=["x" * 1000] * 300, text="y" * 100_000, note="z" * 1000)

    (line,) = lines()
    assert line["omitted_fields"] == ["table"]
    assert (len(line["text"]), len(line["note"]), line["consumer"]) == (100_000, 1000, "load")


def test_of_very_many_fields_those_of_the_line_are_left(lines: Lines) -> None:
    write(key="a", **{f"field{number:05}": "x" * 100 for number in range(10_000)})

    (line,) = lines()
    assert (line["key"], line["level"], line["message"]) == ("a", "INFO", "object done")
    assert len(line["omitted_fields"]) == 10


def test_what_an_author_returns_replaces_no_field_of_the_line(lines: Lines) -> None:
    consumer = Consumer(lambda _event, _store: {"level": "DEBUG", "request_id": "x", "mine": 1})

    consumer(batch(consumer.upload("a")))

    (line,) = [line for line in lines() if line.get("key") == "a"]
    assert (line["level"], line["request_id"], line["mine"]) == ("INFO", "request-1", 1)


def test_a_long_error_message_is_cut_so_that_its_line_fits(lines: Lines) -> None:
    def author(_event: ObjectEvent, _store: ObjectStore) -> None:
        raise RetryableError("x" * 1_000_000)

    consumer = Consumer(author)

    consumer(batch(consumer.upload("a")))

    (line,) = [line for line in lines() if line.get("key") == "a"]
    assert 0 < len(line["error_message"]) < 10_000


def test_metrics_count_each_outcome_once(lines: Lines) -> None:
    consumer = Consumer(
        by_name, settings={"metrics_namespace": "N", "pipeline": "p", "consumer": "c"}
    )
    consumer(batch(*(consumer.upload(name) for name in ("ok", "permanent", "retry", "skip"))))

    (metrics,) = [line for line in lines() if "_aws" in line]
    assert [
        metrics[name]
        for name in ("ObjectsDone", "ObjectsQuarantined", "ObjectsRetried", "ObjectsSkipped")
    ] == [1, 1, 1, 1]
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Pipeline", "Consumer"]]
