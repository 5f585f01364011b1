"""Write docs/security.md from the planned policies and the table of deliveries. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from tools.aws_rules import deliveries
from tools.security.planned import ACCOUNT, REGION
from tools.security.statements import Statement

HEAD = """# Who may do what

Every permission that the modules make, as planned for a pipeline with all its options, for one on
another route and for the examples. Written by `make docs` from the plans; the link after a
condition leads to AWS's page that says that the service sends the key.

All resources are of one account and one region unless a row says otherwise. Beside what is listed
here, principals of the account may do what their own IAM policies say: no policy here takes that
away from them, except over plain HTTP.
"""

# What each statement is for, by its id.
PURPOSES = {
    "AllowAccount": "the account's own IAM policies decide about the key",
    "AllowAlarms": "alarms are told",
    "AllowBucket": "the bucket's events come in",
    "AllowFiles": "the topic's messages come in",
    "AllowLogs": "the functions' logs are encrypted",
    "AllowRule": "what the rule matches comes in",
    "AllowRules": "rules send to encrypted queues and topics",
    "AllowTopic": "subscribed queues are encrypted with the key",
    "AllowTopics": "the topic's messages come in, and what could not be delivered is kept",
    "AssumeRole": "Lambda runs the function under its role",
    "ClaimObjects": "files are claimed in the ledger, each consumer its own items",
    "DenyWithoutTLS": "nothing is sent or read in clear text",
    "Invoke": "the function is invoked",
    "LeaveNetworkInterfacesToLambda": "the function's own code touches no network interface",
    "LookAtAlarms": "the circuit breaker looks whether the alarm still rings",
    "QuarantineMessages": "what can't be processed is set aside with its reason",
    "ReadFiles": "the function reads the files that it is told of",
    "ManageNetworkInterfaces": "Lambda connects the function to its VPC",
    "Publish": "the rule publishes to its topics",
    "ReadAlarms": "the circuit breaker looks whether the alarm still rings",
    "ReceiveMessages": "Lambda fetches the queue's messages, the function delays and deletes them",
    "Remember": "the circuit breaker remembers its circuits in the ledger's table",
    "SendToFailureDestination": "an event that failed for good is kept",
    "SwitchMappings": "the circuit breaker stops a consumer and lets it go on",
    "Tell": "the circuit breaker tells of what it did",
    "TellMissingFiles": "S3 answers 404 for a file that is gone, instead of 403",
    "TellPeople": "the circuit breaker tells of what it did",
    "TryFunctions": "the circuit breaker tries a consumer",
    "TryMessages": "the circuit breaker tries some messages, and puts back what fails",
    "UseKey": "the function reads and writes what is encrypted with the key",
    "UseKeys": "the circuit breaker uses what is encrypted with the key",
    "UseQueueKey": "the function reads and writes messages that are encrypted with the key",
    "UseTopicKeys": "the rule publishes to topics that are encrypted",
    "WriteLogs": "Lambda writes the function's logs",
    "WriteOutput": "the function writes its output",
    "WriteRecords": "the function writes records into its table",
    "WriteTraces": "the function is traced by X-Ray",
}
_PIPELINES = {
    "pipeline": "The pipeline",
    "pipeline-eventbridge": (
        "The pipeline on route `eventbridge`, its function traced and in a VPC"
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
    (r"iam:root", "any principal that its account lets"),
    (r"kms:key/.+", "the key"),
    (r"sns:(.+)", r"topic \1"),
    (r"sqs:(.+)", r"queue \1"),
    (r"s3:([^/]+)", r"bucket \1"),
    (r"s3:(.+)", r"s3://\1"),
)


class PageError(Exception):
    """The page can't be written; the message says what to add."""


def page(statements: Sequence[Statement]) -> str:
    """Write the page.

    Raises
    ------
    PageError
        It is not said what a statement is for.
    """
    unknown = {one.sid or one.address for one in statements if purpose(one.sid) is None}
    if unknown:
        raise PageError(
            f"say in PURPOSES of tools/security/page.py what these are for: {sorted(unknown)}"
        )
    parts = [HEAD, *_denied(statements)]
    for configuration in dict.fromkeys(one.configuration for one in statements):
        own = [one for one in statements if one.configuration == configuration]
        parts += _configuration(configuration, [one for one in own if one.effect == "Allow"])
    parts += ["## What AWS sends with each request\n", deliveries.to_markdown()]
    return "\n".join(parts)


def purpose(sid: str) -> str | None:
    """Tell what a statement is for: by its id, or by the longest beginning of it that is known."""
    known = [
        name for name in PURPOSES if sid == name or re.match(rf"{name}(\w+?)?(To|Of)[A-Z]", sid)
    ]
    return PURPOSES[max(known, key=len)] if known else None


def _denied(statements: Iterable[Statement]) -> Iterator[str]:
    yield "## What is denied\n"
    yield "| to whom | what | when | of |\n|---|---|---|---|"
    rows: dict[tuple[str, str, str], set[str]] = {}
    for one in statements:
        if one.effect == "Deny":
            who = "everybody" if one.principals == ("*",) else _code(map(short, one.principals))
            of = _LABELS.get(one.kind) or _code(map(short, one.resources))
            rows.setdefault((who, _code(one.actions), _conditions(one)), set()).add(of)
    for (who, what, when), owners in rows.items():
        yield f"| {who} | {what} | {when} | {', '.join(sorted(owners))} |"
    yield ""
    yield "Whatever else is not listed below is denied too, since nothing allows it.\n"


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
            yield "| role | may | on | only if | what for |\n|---|---|---|---|---|"
        else:
            yield "| of | who | may | only if | what for |\n|---|---|---|---|---|"
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
    """Name what an ARN is about; the account and region of the pipeline are left out."""
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
    """Link the page that says what AWS sends with a service's request, where the table has one."""
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
