"""`pipeline discard`: which messages are deleted, and that they are written to a file before."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from event_pipelines.operations import dead_letters
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.story import Version, is_superseded
from object_consumer.events import ObjectEvent
from tests.unit.operations.command_line import Run
from tests.unit.operations.world import BUCKET, World, record

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def saved(folder: Path) -> list[dict[str, Any]]:
    """What was written to the file."""
    return [
        json.loads(line)
        for file in sorted(folder.glob("discarded-load-*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]


def reasons(world: World) -> list[str]:
    """The reasons of the messages that can be received, and so of those that are visible."""
    url = str(world.consumer.dead_letter_queue_url)
    messages = world.messages(url)
    return sorted(one["MessageAttributes"]["ErrorType"]["StringValue"] for one in messages)


def dead_letter_about(world: World, key: str, version: str, **attributes: Any) -> None:
    """Put a message about a version of an object into the dead-letter queue."""
    told: Any = {"DataType": "String", "StringValue": "FormatError"}
    world.aws.sqs.send_message(
        QueueUrl=str(world.consumer.dead_letter_queue_url),
        MessageBody=record(key, versionId=version),
        MessageAttributes={"ErrorType": told, **attributes},
    )


def write_twice(world: World, key: str) -> tuple[str, str]:
    """Write two versions of an object, and return their IDs."""
    world.aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    first, second = (
        world.aws.s3.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"]
        for body in (b"bad", b"good")
    )
    return first, second


def test_messages_with_a_reason_are_written_to_a_file_and_deleted(
    world: World, run: Run, folder: Path
) -> None:
    for number in range(12):
        world.dead_letter(f"in/{number}.json", "FormatError", f"line {number}", own="kept")
        world.dead_letter(f"in/{number}.json", "SchemaError", "no id")

    told = run("discard", "load", "--reason", "formaterror", "--yes", "--json")

    document = json.loads(told.output)
    assert (told.code, document["matching"], document["discarded"]) == (0, 12, 12)
    assert (folder / document["file"]).is_file()
    written = saved(folder)
    assert {one["reason"] for one in written} == {f"FormatError: line {n}" for n in range(12)}
    assert {one["objects"][0] for one in written} == {
        f"s3://{BUCKET}/in/{n}.json" for n in range(12)
    }
    assert written[0]["attributes"]["own"] == {"DataType": "String", "StringValue": "kept"}
    assert json.loads(written[0]["body"])["Records"]
    # The others are visible at once.
    assert reasons(world) == ["SchemaError"] * 12


def test_a_dry_run_shows_them_and_deletes_nothing(world: World, run: Run, folder: Path) -> None:
    world.dead_letter("in/a.json", "FormatError", "line 3")

    told = run("discard", "load", "--reason", "Format", "--dry-run")

    assert told.code == 0
    assert "FormatError: line …" in told.output
    assert "Messages that would be deleted: 1." in told.output
    assert saved(folder) == []
    assert reasons(world) == ["FormatError"]


def test_messages_about_overwritten_versions_are_found_by_the_bucket(
    world: World, run: Run, folder: Path
) -> None:
    first, second = write_twice(world, "in/a.json")
    binary = {"DataType": "Binary", "BinaryValue": b"\x00\xff"}
    dead_letter_about(world, "in/a.json", first, own=binary)
    dead_letter_about(world, "in/a.json", second)
    dead_letter_about(world, "in/gone.json", first)

    told = run("discard", "load", "--superseded", "--yes", "--json")

    assert json.loads(told.output)["discarded"] == 1
    (written,) = saved(folder)
    assert first in written["body"]
    assert base64.b64decode(written["attributes"]["own"]["BinaryValue"]) == b"\x00\xff"
    assert len(reasons(world)) == 2


def test_a_trace_says_that_a_redrive_would_not_help(world: World, run: Run) -> None:
    first, second = write_twice(world, "in/a.json")
    dead_letter_about(world, "in/a.json", first)
    world.remember("in/a.json", "SUCCEEDED", version=second)

    told = run("trace", "in/a.json")

    assert told.code == 0
    shown = " ".join(told.output.split())
    assert "1 message is about a version that has been overwritten" in shown
    assert "pipeline discard load --superseded" in shown


def test_both_options_must_be_true_of_a_message(world: World, run: Run) -> None:
    first, _ = write_twice(world, "in/a.json")
    dead_letter_about(world, "in/a.json", first)
    command = ("discard", "load", "--superseded", "--dry-run", "--json", "--reason")

    assert json.loads(run(*command, "FormatError").output)["matching"] == 1
    assert json.loads(run(*command, "SchemaError").output)["matching"] == 0


def test_without_a_selection_nothing_is_deleted(world: World, run: Run) -> None:
    world.dead_letter("in/a.json", "FormatError", "line 3")

    told = run("discard", "load", "--yes")

    assert told.code == 2
    assert "--reason TEXT, --superseded" in told.errors
    assert reasons(world) == ["FormatError"]


def test_without_a_terminal_nobody_is_asked_and_nothing_is_deleted(
    world: World, run: Run, folder: Path
) -> None:
    world.dead_letter("in/a.json", "FormatError", "line 3")

    told = run("discard", "load", "--reason", "Format")

    assert told.code == 2
    assert "use --yes" in told.errors
    assert saved(folder) == []
    assert reasons(world) == ["FormatError"]


def test_a_file_that_can_not_be_written_keeps_the_messages(world: World, run: Run) -> None:
    world.dead_letter("in/a.json", "FormatError", "line 3")

    told = run("discard", "load", "--reason", "Format", "--yes", "--save", "missing/file.jsonl")

    assert told.code == 2
    assert "missing/file.jsonl: No such file or directory; nothing was deleted" in told.errors
    assert reasons(world) == ["FormatError"]


def test_a_message_that_came_after_the_others_were_shown_stays(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.dead_letter("in/a.json", "FormatError", "line 3")
    look = dead_letters.look

    def look_and_fail_again(*arguments: Any, **options: Any) -> Any:
        found = look(*arguments, **options)
        world.dead_letter("in/b.json", "FormatError", "line 4")
        return found

    monkeypatch.setattr(dead_letters, "look", look_and_fail_again)

    told = run("discard", "load", "--reason", "Format", "--yes", "--json")

    assert json.loads(told.output)["discarded"] == 1
    assert reasons(world) == ["FormatError"]


def test_what_is_deleted_is_on_disk_before(
    world: World, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.dead_letter("in/a.json", "FormatError", "line 3")
    delete, written = dead_letters.delete, []

    def noted(consumer: Any, letters: Sequence[Any], aws: Aws) -> None:
        written.extend(saved(folder))
        delete(consumer, letters, aws)

    monkeypatch.setattr(dead_letters, "delete", noted)

    run("discard", "load", "--reason", "Format", "--yes")

    assert [one["kind"] for one in written] == ["permanent"]


def event(**fields: Any) -> ObjectEvent:
    told: Mapping[str, Any] = {
        "bucket": "b",
        "key": "k",
        "event_name": "ObjectCreated:Put",
        "event_time": START + timedelta(milliseconds=700),
        "version_id": "v1",
        "etag": "tag1",
        **fields,
    }
    return ObjectEvent(**told)


def version(name: str | None, seconds: float, size: int | None = 3) -> Version:
    etag = f"tag{seconds:.0f}" if size is not None else None
    return Version(version_id=name, etag=etag, at=START + timedelta(seconds=seconds), size=size)


@pytest.mark.parametrize(
    ("event", "versions", "expected"),
    [
        (event(), [version("v1", 1), version("v2", 2)], True),
        (event(), [version("v2", 2)], True),
        (event(), [version("v1", 1), version("v2", 0)], True),
        (event(), [version("v1", 1)], False),
        # It was restored: the version that the event is about is the newest again.
        (event(), [version("v2", 1), version("v1", 2)], False),
        (event(version_id=None), [version(None, 2)], True),
        (event(version_id=None), [version(None, 1)], False),
        (event(version_id=None, etag=None), [version(None, 2)], False),
        # Deleted is not overwritten.
        (event(), [], False),
        (event(), [version("v1", 1), version("v2", 2, size=None)], False),
        (event(event_name="ObjectRemoved:Delete"), [version("v2", 2)], False),
        (event(event_time=START + timedelta(hours=1)), [version("v2", 2)], False),
    ],
)
def test_a_version_is_superseded_by_a_newer_one(
    event: ObjectEvent, versions: list[Version], expected: bool
) -> None:
    assert is_superseded(event, versions) is expected
