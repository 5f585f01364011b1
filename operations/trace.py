"""The story of one file: its versions, what each consumer made of them, and what to do about it.

What happened is pieced together from what there is: the bucket's versions, the functions' log
lines, the ledger, the dead-letter queues. Any of them may lack, and the story is then shorter.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from object_consumer.events import ObjectEvent
from object_consumer.ledger import State
from object_consumer.store import split_uri
from operations import dead_letters, ledger, switch
from operations.aws import Aws
from operations.dead_letters import DeadLetter
from operations.discovery import Consumer, Pipeline
from operations.errors import WrongUseError
from operations.ledger import Entry

# How far back log lines are looked for about a file that is gone.
_LOOK_BACK = timedelta(days=14)
# Clocks of S3 and of the functions' log.
_MARGIN = timedelta(minutes=5)
_LETTERS = 1000
_NOT_THERE = "its message is not to be seen now: redriven, deleted, or somebody else looks at it"
# What may stand in a filter pattern of CloudWatch Logs as it is; an asterisk stands for the rest.
_NOT_LITERAL = re.compile(r"[^A-Za-z0-9 _./=-]+")


class Verdict(StrEnum):
    """What became of the newest version of a file at one consumer."""

    DONE = "done"
    SKIPPED = "skipped"
    SET_ASIDE = "set aside"
    PROCESSING = "being processed"
    RETRIED = "to be retried"
    NOT_HEARD_OF = "not heard of"
    NOT_WANTED = "not wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of the file.

    Attributes
    ----------
    version_id
        Its id; None in a bucket without versioning.
    etag
        Its entity tag; None for a deletion.
    at, size
        When it was written, and its bytes; None for a deletion.
    """

    version_id: str | None
    etag: str | None
    at: datetime
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that happened to the file.

    Attributes
    ----------
    at
        When.
    what
        In a word: an outcome (``done``, ``skipped``, ``retry``, ``permanent``) or ``set aside``.
    version_id
        Of which version, if that is known.
    attempt
        The receive of the message, if that is known.
    detail
        Output, reason or error.
    request_id
        The invocation's.
    """

    at: datetime
    what: str
    version_id: str | None = None
    attempt: int | None = None
    detail: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerStory:
    """What one consumer made of the file.

    Attributes
    ----------
    consumer
        Its name.
    verdict
        What became of the newest version.
    why
        The reason, or where the output is.
    advice
        What to do about it, mostly a command; empty if there is nothing to do.
    steps
        What happened, in order.
    ledger
        What the ledger holds.
    output
        The output, if one is known, and whether it is there.
    """

    consumer: str
    verdict: Verdict
    why: str
    advice: str
    steps: Sequence[Step]
    ledger: Entry | None
    output: str | None
    output_exists: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The whole story of a file.

    Attributes
    ----------
    object
        Its address.
    versions
        Those the bucket has, oldest first.
    consumers
        Each consumer's part.
    """

    object: str
    versions: Sequence[Version]
    consumers: Sequence[ConsumerStory]

    @property
    def is_good(self) -> bool:
        """Whether every consumer that wants the file is done with it."""
        fine = {Verdict.DONE, Verdict.SKIPPED, Verdict.NOT_WANTED}
        return all(
            story.verdict in fine and story.output_exists is not False for story in self.consumers
        )


def trace(pipeline: Pipeline, uri: str, aws: Aws, *, since: datetime | None = None) -> Story:
    """Tell the story of a file.

    Parameters
    ----------
    uri
        ``s3://bucket/key``, or the key alone.
    since
        From when on log lines are read; by default from the oldest version that is left.

    Raises
    ------
    WrongUseError
        The file is in another bucket.
    """
    bucket, key = split_uri(uri) if uri.startswith("s3://") else (pipeline.bucket, uri)
    if bucket != pipeline.bucket:
        raise WrongUseError(f"{pipeline.name} gets its files from s3://{pipeline.bucket}/")
    versions = _versions(bucket, key, aws)
    oldest = versions[0].at if versions else datetime.now(UTC) - _LOOK_BACK
    begin = (since or oldest) - _MARGIN
    address = f"s3://{bucket}/{key}"
    with ThreadPoolExecutor() as pool:
        consumers = pool.map(
            lambda consumer: _story(consumer, address, versions, begin, aws),
            pipeline.consumers.values(),
        )
        return Story(object=address, versions=versions, consumers=list(consumers))


def _story(
    consumer: Consumer, uri: str, versions: Sequence[Version], begin: datetime, aws: Aws
) -> ConsumerStory:
    lines = _lines(consumer, uri, begin, aws)
    letters = [
        letter
        for letter in dead_letters.look(consumer, aws, limit=_LETTERS)
        if letter.is_about(uri)
    ]
    entry = ledger.entries(consumer, [uri], aws).get(uri)
    newest = next((version for version in reversed(versions) if version.size is not None), None)
    wanted = newest is None or _wants(consumer, uri, newest)
    verdict, why = judge(newest, lines, letters, entry, now=datetime.now(UTC), wanted=wanted)
    output = _output(lines, entry) if verdict is Verdict.DONE else None
    exists = _exists(output, aws) if output else None
    if exists is False:
        why = f"{output} was written, and is not there any more"
    return ConsumerStory(
        consumer=consumer.name,
        verdict=verdict,
        why=why or output or "",
        advice=_how_to_find(consumer, uri, aws, is_in_bucket=newest is not None)
        if verdict is Verdict.NOT_HEARD_OF
        else _advice(consumer, verdict, uri, output_exists=exists),
        steps=sorted([_step(line) for line in lines] + _set_aside(letters), key=lambda s: s.at),
        ledger=entry,
        output=output,
        output_exists=exists,
    )


def judge(  # noqa: PLR0911 (cases, in the order of their weight)
    newest: Version | None,
    lines: Sequence[Mapping[str, Any]],
    letters: Sequence[DeadLetter],
    entry: Entry | None,
    *,
    now: datetime,
    wanted: bool,
) -> tuple[Verdict, str]:
    """Decide what became of the newest version, and why.

    Parameters
    ----------
    newest
        The newest version that isn't a deletion; None if the bucket has none.
    lines
        The log's lines about the file, oldest first.
    letters
        The messages about it in the dead-letter queue.
    entry
        What the ledger holds.
    now
        The time.
    wanted
        Whether the consumer's filter lets the file in.
    """
    lines = [line for line in lines if newest is None or _is_of(line, newest)]
    ended = next((line for line in reversed(lines) if line["outcome"] != "retry"), None)
    # A duplicate tells nothing of how the first delivery ended.
    done = next((line for line in reversed(lines) if line["outcome"] == "done"), None)
    letter = max(
        (letter for letter in letters if newest is None or _tells_of(letter, newest)),
        key=lambda letter: letter.sent_at,
        default=None,
    )
    is_newest = entry is not None and (newest is None or _is_version(entry.version, newest))
    if entry is not None and is_newest and entry.is_held(now):
        return Verdict.PROCESSING, f"claimed by {entry.request_id}"
    if letter is not None and (done is None or _moment(done) < letter.sent_at):
        return Verdict.SET_ASIDE, letter.reason
    if done is not None:
        return Verdict.DONE, ""
    if entry is not None and is_newest and entry.state is State.SUCCEEDED:
        return Verdict.DONE, ""
    if ended is not None and ended["outcome"] == "skipped":
        return Verdict.SKIPPED, str(ended.get("reason", ""))
    if ended is not None:
        return Verdict.SET_ASIDE, f"{_detail(ended)} ({_NOT_THERE})"
    if lines:
        return Verdict.RETRIED, _detail(lines[-1])
    if entry is not None and is_newest:
        said = (
            f"{entry.error_type}: {entry.error_message}"
            if entry.error_type
            else "its claim ran out"
        )
        return Verdict.RETRIED, said
    if not wanted:
        return Verdict.NOT_WANTED, "outside its filter"
    if newest is None:
        return Verdict.NOT_HEARD_OF, "there is no such file in the bucket"
    return Verdict.NOT_HEARD_OF, "no log line, no ledger entry, no dead letter"


def _advice(consumer: Consumer, verdict: Verdict, uri: str, *, output_exists: bool | None) -> str:
    match verdict:
        case Verdict.SET_ASIDE:
            return (
                "once the cause is mended, or a mended file uploaded: "
                f"pipeline redrive {consumer.name}"
            )
        case Verdict.RETRIED:
            again = _replay(consumer, uri)
            return f"it comes again by itself: pipeline status; or at once: {again}"
        case Verdict.DONE if output_exists is False:
            return _replay(consumer, uri)
        case _:
            return ""


def _how_to_find(consumer: Consumer, uri: str, aws: Aws, *, is_in_bucket: bool) -> str:
    """Say where a file may be that a consumer hasn't heard of."""
    if not is_in_bucket:
        return "is that its key? Keys tell capital letters from small ones"
    mapping = switch.state(consumer, aws)
    if mapping not in {None, "Enabled"}:
        return (
            f"it may wait in the queue, as {consumer.name} is {mapping}: "
            f"pipeline resume {consumer.name}"
        )
    again = _replay(consumer, uri)
    return f"it may wait in the queue: pipeline status; or S3 never told of it: {again}"


def _replay(consumer: Consumer, uri: str) -> str:
    return f"pipeline replay --consumer {consumer.name} --prefix {shlex.quote(split_uri(uri)[1])}"


def _versions(bucket: str, key: str, aws: Aws) -> list[Version]:
    """List the versions of one object, oldest first; deletions count."""
    found: list[Version] = []
    for page in aws.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        found += [
            Version(
                version_id=_id(stored["VersionId"]),
                etag=stored["ETag"].strip('"'),
                at=stored["LastModified"],
                size=stored["Size"],
            )
            for stored in page.get("Versions", [])
            if stored["Key"] == key
        ]
        found += [
            Version(
                version_id=_id(marker["VersionId"]),
                etag=None,
                at=marker["LastModified"],
                size=None,
            )
            for marker in page.get("DeleteMarkers", [])
            if marker["Key"] == key
        ]
        if any(name > key for name in _names(page)):
            break
    # S3 lists newest first, and its times have seconds only.
    found.reverse()
    return sorted(found, key=lambda version: version.at)


def _names(page: Mapping[str, Any]) -> list[str]:
    return [stored["Key"] for stored in page.get("Versions", []) + page.get("DeleteMarkers", [])]


def _id(version_id: str) -> str | None:
    return None if version_id == "null" else version_id


def _lines(consumer: Consumer, uri: str, begin: datetime, aws: Aws) -> list[dict[str, Any]]:
    """Read what a consumer's function logged about an object, oldest first."""
    bucket, key = split_uri(uri)
    pattern = f'{{ $.key = "{_NOT_LITERAL.sub("*", key)}" }}'
    found = []
    try:
        for page in aws.logs.get_paginator("filter_log_events").paginate(
            logGroupName=consumer.log_group,
            startTime=int(begin.timestamp() * 1000),
            filterPattern=pattern,
        ):
            for event in page["events"]:
                line = _parsed(event["message"])
                if line.get("key") == key and line.get("bucket") == bucket and "outcome" in line:
                    found.append(line)
    except ClientError as error:
        # A function that never ran may have no log group.
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
    return sorted(found, key=_moment)


def _parsed(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def _step(line: Mapping[str, Any]) -> Step:
    return Step(
        at=_moment(line),
        what=line["outcome"],
        version_id=line.get("version_id"),
        attempt=line.get("attempts"),
        detail=_detail(line),
        request_id=line.get("request_id", ""),
    )


def _set_aside(letters: Sequence[DeadLetter]) -> list[Step]:
    return [
        Step(
            at=letter.sent_at,
            what="set aside",
            version_id=next((event.version_id for event in letter.events), None),
            detail=letter.reason,
        )
        for letter in letters
    ]


def _detail(line: Mapping[str, Any]) -> str:
    if line.get("error_type"):
        return f"{line['error_type']}: {line.get('error_message', '')}"
    return str(line.get("reason") or line.get("output") or "")


def _moment(line: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(line["timestamp"])


def _is_of(line: Mapping[str, Any], version: Version) -> bool:
    """Whether a line is about a version; one without an id, as of a replay, is if it is later."""
    if (version_id := line.get("version_id")) is not None:
        return bool(version_id == version.version_id)
    return _moment(line) >= version.at


def _tells_of(letter: DeadLetter, version: Version) -> bool:
    return any(
        event.version_id == version.version_id
        if event.version_id is not None
        else event.etag == version.etag
        for event in letter.events
    )


def _is_version(name: str, version: Version) -> bool:
    return name in {version.version_id, version.etag}


def _wants(consumer: Consumer, uri: str, version: Version) -> bool:
    bucket, key = split_uri(uri)
    name = consumer.creation
    return name is not None and consumer.wanted.wants(
        ObjectEvent(
            bucket=bucket, key=key, event_name=name, event_time=version.at, size=version.size
        )
    )


def _output(lines: Sequence[Mapping[str, Any]], entry: Entry | None) -> str | None:
    written = next((str(line["output"]) for line in reversed(lines) if line.get("output")), None)
    return written or (entry.result.get("output") if entry else None)


def _exists(uri: str, aws: Aws) -> bool | None:
    """Whether an output is there; None where it can't be told."""
    try:
        bucket, key = split_uri(uri)
        aws.s3.head_object(Bucket=bucket, Key=key)
    except ValueError:
        return None
    except ClientError as error:
        return False if error.response["Error"]["Code"] in {"404", "NoSuchKey"} else None
    return True
