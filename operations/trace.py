"""Gathering the story of one file, and what to do about it.

What happened is pieced together from what there is: the bucket's versions, the functions' log
lines, the ledger, the dead-letter queues. Any of them may lack, and the story is then shorter.
"""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from botocore.exceptions import ClientError
from msgspec import Meta, Raw, Struct

from object_consumer.events import ObjectEvent
from object_consumer.store import split_uri
from operations import dead_letters, ledger, switch
from operations.aws import Aws
from operations.discovery import Consumer, Pipeline
from operations.errors import WrongUseError
from operations.story import (
    ConsumerStory,
    Story,
    Verdict,
    Version,
    judge,
    moment,
    output_of,
    set_aside,
    step,
)
from operations.terminal import quoted

# How far back log lines are looked for about a file that is gone.
_LOOK_BACK = timedelta(days=14)
# Clocks of S3 and of the functions' log.
_MARGIN = timedelta(minutes=5)
_LETTERS = 1000
# A filter pattern has at most 1,024 characters; what it finds beyond the key is left out here.
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
_MAX_PATTERN = 1000
# What may stand in a filter pattern of CloudWatch Logs as it is; an asterisk stands for the rest.
_NOT_LITERAL = re.compile(r"[^A-Za-z0-9 _./=-]+")


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
    look = dead_letters.look(consumer, aws, limit=_LETTERS)
    letters = [letter for letter in look.letters if letter.is_about(uri)]
    entry = ledger.entries(consumer, [uri], aws).get(uri)
    newest = next((version for version in reversed(versions) if version.size is not None), None)
    wanted = newest is None or _wants(consumer, uri, newest)
    verdict, why = judge(newest, lines, letters, entry, now=datetime.now(UTC), wanted=wanted)
    output = output_of(lines, entry) if verdict is Verdict.DONE else None
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
        steps=sorted([step(line) for line in lines] + set_aside(letters), key=lambda s: s.at),
        ledger=entry,
        output=output,
        output_exists=exists,
        unseen=look.unseen,
    )


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
    return f"pipeline replay --consumer {consumer.name} --prefix {quoted(split_uri(uri)[1])}"


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
    literal = _NOT_LITERAL.sub("*", key)
    if len(literal) > _MAX_PATTERN:
        literal = literal[:_MAX_PATTERN] + "*"
    pattern = f'{{ $.key = "{literal}" }}'
    found = []
    try:
        for page in aws.logs.get_paginator("filter_log_events").paginate(
            logGroupName=consumer.log_group,
            startTime=int(begin.timestamp() * 1000),
            filterPattern=pattern,
        ):
            for event in page["events"]:
                line = _parsed(event["message"])
                if line and line["key"] == key and line["bucket"] == bucket:
                    found.append(line)
    except ClientError as error:
        # A function that never ran may have no log group.
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
    return sorted(found, key=moment)


class _Line(Struct):
    """A line that the runtime writes of an object; what else is in it is the function's."""

    timestamp: Annotated[datetime, Meta(tz=True)]
    outcome: Literal["done", "skipped", "retry", "permanent"]
    bucket: str
    key: str
    version_id: Raw = Raw(b"null")
    attempts: Raw = Raw(b"null")
    request_id: Raw = Raw(b"null")
    reason: Raw = Raw(b"null")
    error_type: Raw = Raw(b"null")
    error_message: Raw = Raw(b"null")
    output: Raw = Raw(b"null")


_TEXTS = ("version_id", "request_id", "reason", "error_type", "error_message", "output")


def _parsed(text: str) -> dict[str, Any]:
    """Read a line; empty if it is none of the runtime's.

    A function may print what it likes. Of a field that has not the runtime's type nothing is taken.
    """
    line = _decoded(text, _Line)
    if line is None:
        return {}
    fields = {
        "timestamp": line.timestamp.isoformat(),
        "outcome": line.outcome,
        "bucket": line.bucket,
        "key": line.key,
        "attempts": _decoded(line.attempts, int),
        **{name: _decoded(getattr(line, name), str) for name in _TEXTS},
    }
    return {name: value for name, value in fields.items() if value is not None}


def _decoded[T](document: str | Raw, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _wants(consumer: Consumer, uri: str, version: Version) -> bool:
    bucket, key = split_uri(uri)
    name = consumer.creation
    return name is not None and consumer.wanted.wants(
        ObjectEvent(
            bucket=bucket, key=key, event_name=name, event_time=version.at, size=version.size
        )
    )


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
