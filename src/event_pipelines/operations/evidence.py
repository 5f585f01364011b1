"""Collect the facts about a file: its versions in the bucket, its log lines, its output."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from botocore.exceptions import ClientError
from msgspec import Meta, Raw, Struct

from event_pipelines.operations.aws import Aws
from event_pipelines.operations.logs import LogReader
from event_pipelines.operations.story import Version, moment
from event_pipelines.operations.windows import Window
from object_consumer.store import split_uri

# A filter pattern has at most 1,024 characters; lines of other keys are removed here.
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
_MAX_PATTERN = 1000
# Characters allowed in a CloudWatch Logs filter pattern; others are replaced by an asterisk.
_NOT_LITERAL = re.compile(r"[^A-Za-z0-9 _./=-]+")


def versions(bucket: str, key: str, aws: Aws) -> list[Version]:
    """List the versions of one object, oldest first, including delete markers."""
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
    # S3 lists the newest first, with times in seconds.
    found.reverse()
    return sorted(found, key=lambda version: version.at)


def _names(page: Mapping[str, Any]) -> list[str]:
    return [stored["Key"] for stored in page.get("Versions", []) + page.get("DeleteMarkers", [])]


def _id(version_id: str) -> str | None:
    return None if version_id == "null" else version_id


def lines(reader: LogReader, uri: str, window: Window) -> list[dict[str, Any]]:
    """Read the log lines of a consumer's function about an object, oldest first."""
    bucket, key = split_uri(uri)
    literal = _NOT_LITERAL.sub("*", key)
    if len(literal) > _MAX_PATTERN:
        literal = literal[:_MAX_PATTERN] + "*"
    pattern = f'{{ $.key = "{literal}" }}'
    parsed = (_parsed(event.message) for event in reader.read(pattern, window.begin, window.end))
    found = [line for line in parsed if line and line["key"] == key and line["bucket"] == bucket]
    return sorted(found, key=moment)


class _Line(Struct):
    """The runtime's fields of an object's log line; other fields come from the function."""

    timestamp: Annotated[datetime, Meta(tz=True)]
    outcome: Literal["done", "skipped", "continued", "retry", "permanent"]
    bucket: str
    key: str
    version_id: Raw = Raw(b"null")
    attempts: Raw = Raw(b"null")
    request_id: Raw = Raw(b"null")
    reason: Raw = Raw(b"null")
    error_type: Raw = Raw(b"null")
    error_message: Raw = Raw(b"null")
    output: Raw = Raw(b"null")
    progress: Raw = Raw(b"null")


_TEXTS = (
    "version_id",
    "request_id",
    "reason",
    "error_type",
    "error_message",
    "output",
    "progress",
)


def _parsed(text: str) -> dict[str, Any]:
    """Parse a line; empty if it is not from the runtime.

    A function may print anything, so fields with unexpected types are ignored.
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


def exists(uri: str, aws: Aws) -> bool | None:
    """Return whether an output exists; None if unknown."""
    try:
        bucket, key = split_uri(uri)
        aws.s3.head_object(Bucket=bucket, Key=key)
    except ValueError:
        return None
    except ClientError as error:
        return False if error.response["Error"]["Code"] in {"404", "NoSuchKey"} else None
    return True
