"""No right is missing and none is too many, by what the access guard saw while the tests ran.

These tests come last: they look at every request of the others, with the policies that it was held
against, and decide again without LocalStack.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from aws_rules.policies import Policy
from aws_rules.recording import Decision, read
from event_pipelines.localstack import Instance
from tests.integration.configurations import EXAMPLES, PIPELINES, SECOND_CONSUMERS, UPGRADED_ACCOUNT
from tests.integration.permissions import Part, parts, replays, unneeded
from tests.integration.stacks import Stacks
from tests.integration.test_dead_letter_queues import DENIED

pytestmark = [
    pytest.mark.integration,
    pytest.mark.last,
    pytest.mark.applies("demonstration", *PIPELINES, *EXAMPLES, *SECOND_CONSUMERS),
    pytest.mark.skipif(
        os.environ.get("LOCALSTACK", "embedded") != "embedded", reason="of the embedded one only"
    ),
]

# What AWS writes into the policies of keys and topics that are made without one.
DEFAULT_KEY_STATEMENT = "Enable IAM User Permissions"
DEFAULT_TOPIC_STATEMENT = "__default_statement_ID"
STACKS = ("demo", *PIPELINES, *EXAMPLES, *SECOND_CONSUMERS)


@dataclass(frozen=True, slots=True)
class Known:
    """What is as it is for a reason.

    Attributes
    ----------
    pattern
        Of the words for a request or a part of a policy.
    reason
        Why it stays.
    """

    pattern: str
    reason: str

    def matches(self, words: str) -> bool:
        """Whether this is about something, by the words for it."""
        return re.search(self.pattern, words) is not None


DENIALS = [
    Known(
        r"222222222222:root sns:ListSubscriptionsByTopic .*:buffered$",
        "The provider asks it of a topic elsewhere and goes on without the answer: "
        "https://github.com/hashicorp/terraform-provider-aws/pull/42117",
    ),
    Known(r"^sns\.\S+ sqs:SendMessage .*:fan-out-audit$", "A test closes the queue."),
    Known(
        r"^s3\.\S+ sqs:SendMessage .*:routes-removed-dlq$",
        "A test has another notification configuration replace the pipeline's, with this queue.",
    ),
    Known(r"/eventbridge-rule-\S+ sns:Publish .*:eventbridge$", "A test denies the rule its role."),
    Known(
        r"/load-dynamodb-load-\S+ dynamodb:BatchWriteItem .*:table/missing$",
        "A test gives the function another table than its own.",
    ),
    Known(
        r"222222222222:root s3:GetObject .*:buffered-files/processed/",
        "A test reads what another account may not read.",
    ),
]

LET_IN = [
    Known(
        r"^for another consumer: .*:assumed-role/operator-of-orders/",
        "The ledger is the pipeline's own, and an operator reads the items of all its consumers.",
    ),
    Known(
        r"^without TLS: .* sns:Subscribe ",
        "As AWS's example, a topic's policy refuses messages without TLS, and nothing else: "
        "https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html",
    ),
    Known(
        r"^without TLS: .*/theirs-transform-\S+ s3:\w+ arn:aws:s3:::theirs-(files|output)/",
        "The buckets are somebody else's, who has to give them policies.",
    ),
]

UNDRIVEN = [
    Known(
        r"\| AllowLogs\w* \| action \| kms:(Describe|ReEncrypt)\*$",
        "AWS's own statement; LocalStack never encrypts a log anew: "
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
    ),
    Known(
        r"\| (AllowAlarms|AllowRule) \| condition \| StringEquals aws:SourceAccount$",
        "The source's ARN names the account as well; AWS's examples have both: "
        "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html, "
        "https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html",
    ),
]


@pytest.fixture(scope="module")
def decisions(localstack: Instance, stacks: Stacks) -> list[Decision]:
    """What was decided about the stacks, by users other than the one that applied them."""
    for name in stacks.applying:
        stacks[name].outputs()
    assert localstack.access_recording is not None
    return [
        decision
        for decision in read(localstack.access_recording)
        if not (decision.allowed and is_owner(decision)) and not is_of_another_test(decision)
    ]


@pytest.fixture(scope="module")
def policies(decisions: Sequence[Decision]) -> list[Policy]:
    """Every policy that decided."""
    found = {
        id(policy): policy
        for decision in decisions
        for policy in (*decision.identity, *filter(None, [decision.resource]))
        if is_of_stack(policy)
    }
    return list(found.values())


def is_owner(decision: Decision) -> bool:
    """Whether it is the root user of the account that owns the resource."""
    principal = decision.request.principal
    return principal.kind == "account" and principal.account == decision.request.account


def is_of_another_test(decision: Decision) -> bool:
    """Whether it is about what tests make for themselves, or what an older release has made."""
    if decision.request.account == UPGRADED_ACCOUNT:
        return True
    if any(map(is_of_stack, decision.identity)):
        return False
    if decision.resource is not None and has_statement(decision.resource, DEFAULT_KEY_STATEMENT):
        return True
    names = r"\b(guard|function|inbox|events|test)-[0-9a-f]{8}"
    return re.search(names, words_of(decision)) is not None


def has_statement(policy: Policy, sid: str) -> bool:
    """Whether a policy has a statement of this name."""
    return any(statement.sid == sid for statement in policy.statements)


def is_of_stack(policy: Policy) -> bool:
    """Whether a policy is of one of the stacks; a key has no name, and no other test makes one so.

    A topic has AWS's own policy until the provider sets the one that it is to have, and a test
    denies a rule its role.
    """
    if has_statement(policy, DEFAULT_TOPIC_STATEMENT) or policy.name.endswith(f": {DENIED}"):
        return False
    name = policy.name
    return ":kms:" in name or re.search(rf"[ :/]({'|'.join(STACKS)})\b", name) is not None


def words_of(decision: Decision) -> str:
    """Say in words who asked for what."""
    request = decision.request
    return f"{request.principal} {request.action} {request.resource}"


def test_nothing_was_refused_but_what_has_to_be(decisions: Sequence[Decision]) -> None:
    refused = sorted({words_of(decision) for decision in decisions if not decision.allowed})

    unknown = [words for words in refused if not any(known.matches(words) for known in DENIALS)]
    unseen = [known for known in DENIALS if not any(known.matches(words) for words in refused)]
    assert (unknown, unseen) == ([], [])


def test_nobody_else_gets_through(
    decisions: Sequence[Decision], tell: Callable[[str], None]
) -> None:
    allowed = [decision for decision in decisions if decision.allowed]

    tried: Counter[str] = Counter()
    let_in = set()
    for decision in allowed:
        for replay in replays(decision):
            tried[replay.how] += 1
            if replay.decision.again():
                let_in.add(f"{replay.how}: {words_of(replay.decision)}")

    unknown = sorted(words for words in let_in if not any(known.matches(words) for known in LET_IN))
    unseen = [known for known in LET_IN if not any(known.matches(words) for words in let_in)]
    assert (unknown, unseen) == ([], [])
    refused = ", ".join(f"{number} {how}" for how, number in sorted(tried.items()))
    tell(f"permissions: of {len(allowed)} requests {tried.total()} were tried again: {refused}")


def test_every_part_of_every_policy_is_needed(
    decisions: Sequence[Decision], policies: Sequence[Policy], tell: Callable[[str], None]
) -> None:
    every = list(parts(policies))
    left = list(unneeded(decisions, policies))
    # The same statement of the same module was needed by another consumer or in another stack.
    needed = Counter(map(kind_of, every)) - Counter(map(kind_of, left))
    undriven = sorted({str(part) for part in left if not needed[kind_of(part)]})

    unknown = [words for words in undriven if not any(known.matches(words) for known in UNDRIVEN)]
    unseen = [known for known in UNDRIVEN if not any(known.matches(words) for words in undriven)]
    assert (unknown, unseen) == ([], [])
    named = sum(not needed[kind_of(part)] for part in left)
    tell(
        f"permissions: {len(policies)} policies have {len(every)} parts: "
        f"{len(every) - len(left)} needed by a request, {len(left) - named} in another policy of "
        f"the same kind, {named} named"
    )


def kind_of(part: Part) -> tuple[str, ...]:
    """Name the same part of all policies of a kind; the names in resources differ."""
    kind = part.reduction.kind
    text = part.text if kind in {"action", "condition", "principal"} else ""
    if kind == "resource":
        text = re.sub(rf"\b({'|'.join(STACKS)})\b", "…", part.text)
    return part.kind, part.sid, kind, text
