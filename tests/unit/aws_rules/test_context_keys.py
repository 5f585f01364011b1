"""The condition keys that are known."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from aws_rules import context_keys, deliveries


@pytest.mark.parametrize(
    "key",
    [
        "aws:SourceArn",
        "AWS:SourceArn",
        "aws:PrincipalTag/Team",
        "kms:EncryptionContext:aws:logs:arn",
        "kms:ViaService",
        "dynamodb:LeadingKeys",
        "lambda:SourceFunctionArn",
        "s3:x-amz-server-side-encryption",
        "sns:Protocol",
    ],
)
def test_known_keys(key: str) -> None:
    assert context_keys.is_known(key)


@pytest.mark.parametrize(
    "key",
    ["", "aws:SourceAn", "SourceArn", "aws:PrincipalTag/", "aws:PrincipalTag", "sqs:SourceArn"],
)
def test_unknown_keys(key: str) -> None:
    assert not context_keys.is_known(key)


@pytest.mark.parametrize(
    ("key", "multivalued"),
    [("dynamodb:LeadingKeys", True), ("AWS:TagKeys", True), ("aws:PrincipalTag/a", False)],
)
def test_keys_with_several_values(key: str, multivalued: bool) -> None:
    assert context_keys.is_multivalued(key) is multivalued


def test_no_key_is_in_both_lists() -> None:
    assert not context_keys.SINGLE & context_keys.MULTIPLE


def sent(table: dict[str, Any]) -> Iterator[str]:
    for name, content in table.items():
        if name in {"sends", "does_not_send", "open"}:
            yield from content
        elif isinstance(content, dict):
            yield from sent(content)


def test_what_aws_sends_is_known() -> None:
    keys = set(sent(tomllib.loads(deliveries.FILE.read_text(encoding="utf-8"))))
    assert "aws:SourceArn" in keys
    assert [key for key in sorted(keys) if not context_keys.is_known(key)] == []
