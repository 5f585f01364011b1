"""Generate the text of docs/security.md from the planned policies and the table of deliveries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from aws_rules import deliveries
from tools.security.planned import ACCOUNT, REGION
from tools.security.statements import Statement

HEAD = """# Who may do what

This page lists every permission that the modules create, for a pipeline with all options, for a
pipeline with another route and for the examples. `make docs` generates it from Terraform plans.
The link after a condition leads to the AWS page according to which the service sends the key.

All resources are in one account and one region unless a row says otherwise. In addition to the
permissions listed here, principals of the account have those of their own IAM policies: no policy
here denies them, except over plain HTTP.
"""

# The purpose of each statement, by its Sid.
PURPOSES = {
    "AllowAccount": "the account's IAM policies control access to the key",
    "AllowAlarms": "alarms publish notifications",
    "AllowBucket": "the bucket sends events",
    "AllowFiles": "the topic delivers messages",
    "AllowLogs": "CloudWatch Logs encrypts the functions' logs",
    "AllowRule": "the rule delivers events",
    "AllowRules": "rules deliver events to encrypted queues and topics",
    "AllowTopic": "the topic delivers messages to encrypted queues",
    "AllowTopics": "the topic delivers messages, the undeliverable ones to the dead-letter queue",
    "AssumeRole": "Lambda runs the function with its role",
    "ClaimObjects": "the function claims files in the ledger, in the items of its consumer",
    "Decrypt": "the function reads files and messages that are encrypted with the keys",
    "DenyWithoutTLS": "requests must use TLS",
    "Encrypt": "the function writes files and messages that are encrypted with the keys",
    "Invoke": "the service invokes the function",
    "LeaveNetworkInterfacesToLambda": "the function's own code can't manage network interfaces",
    "LookAtAlarms": "the circuit breaker reads the state of the alarm",
    "QuarantineMessages": "the function moves messages to the dead-letter queue",
    "ReadFiles": "the function reads the files of its events",
    "ManageNetworkInterfaces": "Lambda connects the function to its VPC",
    "MountFileSystem": "the function mounts its file system, through its access point",
    "Publish": "the rule publishes to its topics",
    "ReadAlarms": "the circuit breaker reads the state of the alarm",
    "ReceiveMessages": "Lambda receives the queue's messages, the function delays and deletes them",
    "Remember": "the circuit breaker stores its state in the ledger's table",
    "SendMessagesAgain": "the function sends the message of a file that isn't finished again",
    "SendToFailureDestination": "Lambda sends failed events to the dead-letter queue",
    "SwitchMappings": "the circuit breaker stops and starts the consumer",
    "Tell": "the circuit breaker publishes notifications",
    "TellMissingFiles": "S3 returns 404 instead of 403 for a missing file",
    "TellPeople": "the circuit breaker publishes notifications",
    "TryFunctions": "the circuit breaker invokes the consumer's function for a trial",
    "TryMessages": "the circuit breaker receives messages for a trial, and returns the failed ones",
    "UseKeys": "the circuit breaker reads and writes data encrypted with the key",
    "UseQueueKey": "the function reads and writes messages encrypted with the key",
    "UseTopicKeys": "the rule publishes to encrypted topics",
    "WriteLogs": "Lambda writes the function's logs",
    "WriteOutput": "the function writes its output",
    "WriteRecords": "the function writes records to its table",
    "WriteTraces": "the function sends traces to X-Ray",
}
_PIPELINES = {
    "pipeline": "The pipeline",
    "pipeline-eventbridge": (
        "A pipeline on route `eventbridge` whose function has tracing and a VPC"
    ),
}
_KINDS = {
    "Functions' roles": ("aws_iam_role_policy", "aws_iam_policy", "aws_iam_role"),
    "Who may invoke functions": ("aws_lambda_permission",),
    "Topics": ("aws_sns_topic",),
    "Queues": ("aws_sqs_queue",),
    "Buckets": ("aws_s3_bucket_policy",),
    "Keys": ("aws_kms_key", "aws_kms_key_policy"),
}
_ROLES = frozenset(_KINDS["Functions' roles"])
_ARN = re.compile(r"arn:[^:]+:(?P<service>[^:]*):(?P<region>[^:]*):(?P<account>[^:]*):(?P<rest>.+)")
_NAMES = (
    (r"lambda:function:(.+)", r"function \1"),
    (r"lambda:event-source-mapping:.+", "its event source mapping"),
    (r"logs:log-group:(.+):\*", r"log group \1"),
    (r"logs:log-group:(.+)", r"log group \1"),
    (r"dynamodb:table/(.+)", r"table \1"),
    (r"events:rule/(.+)", r"rule \1"),
    (r"cloudwatch:alarm:(.+)", r"alarm \1"),
    (r"iam:role/(.+)", r"role \1"),
    (r"iam:root", "any principal that its account allows"),
    (r"kms:key/.+", "the key"),
    (r"sns:(.+)", r"topic \1"),
    (r"sqs:(.+)", r"queue \1"),
    (r"s3:([^/]+)", r"bucket \1"),
    (r"s3:(.+)", r"s3://\1"),
)


class PageError(Exception):
    """The page can't be generated; the message says what to add."""


def page(statements: Sequence[Statement]) -> str:
    """Generate the page.

    Raises
    ------
    PageError
        The purpose of a statement is unknown.
    """
    unknown = {one.sid or one.address for one in statements if purpose(one.sid) is None}
    if unknown:
        raise PageError(
            f"add the purpose of these to PURPOSES in tools/security/page.py: {sorted(unknown)}"
        )
    parts = [HEAD, *_denied(statements)]
    for configuration in dict.fromkeys(one.configuration for one in statements):
        own = [one for one in statements if one.configuration == configuration]
        parts += _configuration(configuration, [one for one in own if one.effect == "Allow"])
    parts += ["## What AWS sends with each request\n", deliveries.to_markdown()]
    return "\n".join(parts)


def purpose(sid: str) -> str | None:
    """Return the purpose of a statement, by its Sid or by the longest known prefix of it."""
    known = [
        name for name in PURPOSES if sid == name or re.match(rf"{name}(\w+?)?(To|Of)[A-Z]", sid)
    ]
    return PURPOSES[max(known, key=len)] if known else None


def _denied(statements: Iterable[Statement]) -> Iterator[str]:
    yield "## Denied requests\n"
    yield "| principal | actions | condition | resource |\n|---|---|---|---|"
    rows: dict[tuple[str, str, str], set[str]] = {}
    for one in statements:
        if one.effect == "Deny":
            who = "everybody" if one.principals == ("*",) else _code(map(short, one.principals))
            of = _LABELS.get(one.kind) or _code(map(short, one.resources))
            rows.setdefault((who, _code(one.actions), _conditions(one)), set()).add(of)
    for (who, what, when), owners in rows.items():
        yield f"| {who} | {what} | {when} | {', '.join(sorted(owners))} |"
    yield ""
    yield "Requests that are not listed below are denied too, because no policy allows them.\n"


_LABELS = {
    "aws_s3_bucket_policy": "each bucket",
    "aws_sns_topic": "each topic",
    "aws_sqs_queue": "each queue",
}


def _configuration(name: str, statements: Sequence[Statement]) -> Iterator[str]:
    title = _PIPELINES.get(name, f"Example [{name}](../examples/{name}/README.md)")
    yield f"## {title}\n"
    for title, kinds in _KINDS.items():
        rows = [one for one in statements if one.kind in kinds]
        if not rows:
            continue
        yield f"### {title}\n"
        if kinds[0] in _ROLES:
            yield "| role | actions | resource | condition | purpose |\n|---|---|---|---|---|"
        else:
            yield "| resource | principal | actions | condition | purpose |\n|---|---|---|---|---|"
        yield from dict.fromkeys(_row(one) for one in rows)
        yield ""


def _row(one: Statement) -> str:
    if one.kind == "aws_iam_role":
        on = ", ".join(f"`{principal}`" for principal in one.principals)
        cells = [f"`{one.owner}`", _code(one.actions), f"by {on}"]
    elif one.kind in _ROLES:
        cells = [f"`{one.owner}`", _code(one.actions), _code(map(short, one.resources))]
    else:
        owner = "the key" if one.kind.startswith("aws_kms") else f"`{one.owner}`"
        cells = [owner, _code(map(short, one.principals)), _code(one.actions)]
    return f"| {' | '.join([*cells, _conditions(one), purpose(one.sid) or ''])} |"


def short(arn: str) -> str:
    """Return a short form of an ARN, without the account and region of the pipeline."""
    found = _ARN.fullmatch(arn)
    if not found:
        return arn
    text = f"{found['service']}:{found['rest']}"
    named = next(
        (re.sub(pattern, name, text) for pattern, name in _NAMES if re.fullmatch(pattern, text)),
        arn,
    )
    account, region = found["account"], found["region"]
    if account not in {"", ACCOUNT}:
        named += " of any account" if account == "*" else f" of account {account}"
    if region not in {"", REGION} and account != "*":
        named += " in any region" if region == "*" else f" in {region}"
    return named


def _conditions(one: Statement) -> str:
    parts = [
        f"`{key}` {_operator(operator)} {' or '.join(f'`{_plain(value)}`' for value in values)}"
        for operator, keys in one.conditions.items()
        for key, values in keys.items()
    ]
    return "<br>".join(parts) + _source(one) if parts else "-"


def _operator(operator: str) -> str:
    return "is like" if operator.endswith("Like") else "is"


def _plain(value: str) -> str:
    return "the account" if value == ACCOUNT else short(value)


def _source(one: Statement) -> str:
    """Link the page on the keys that AWS sends with a service's request, if the table has one."""
    if one.effect == "Deny" or not one.conditions or one.kind in _ROLES:
        return ""
    for action in one.actions:
        found = [
            row
            for row in deliveries.load().values()
            if action in row.actions
            and any(row.is_by(who) for who in one.principals)
            and row.sources
        ]
        if found:
            return f" [source]({found[0].sources[0]})"
    return ""


def _code(texts: Iterable[str]) -> str:
    return "<br>".join(f"`{text}`" for text in texts)
