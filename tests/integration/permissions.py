"""What the recorded decisions prove: which parts of a policy are needed, and who is kept out."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from aws_rules.policies import Policy, Principal, Request
from aws_rules.recording import Decision
from aws_rules.reductions import Reduction, reductions

FOREIGN_ACCOUNT = "999999999999"
FOREIGN = Principal.role(f"arn:aws:iam::{FOREIGN_ACCOUNT}:role/foreign", "foreign")
# A service that nothing here lets in.
ANOTHER_SERVICE = Principal.of_service("iot.amazonaws.com")
# What a service asks for somebody's resource; Lambda assumes a role for nobody else's.
_NAMES_A_SOURCE = {"lambda:InvokeFunction", "sns:Publish", "sqs:SendMessage"}
# The rest of AWS's services, KMS and Lambda among them, answer over TLS alone.
_ANSWER_WITHOUT_TLS = ("s3:", "sns:", "sqs:")
_OWNER = re.compile(r"(?<=:)\d{12}(?=:)")
# The last part of an ARN.
_NAME = re.compile(r"[^:/]+$")


@dataclass(frozen=True, slots=True)
class Replay:
    """A request as somebody else would make it, who must not get through.

    Attributes
    ----------
    how
        What is different, in words.
    decision
        The request, with the policies that the original one was held against.
    """

    how: str
    decision: Decision


def replays(decision: Decision) -> Iterator[Replay]:
    """Make the requests that a foreigner could make in place of one that was allowed."""
    request = decision.request
    for how, changed in _changed(request):
        # Nobody else has the role's policies.
        identity = decision.identity if changed.principal == request.principal else ()
        yield Replay(how, replace(decision, request=changed, identity=identity))


def _changed(request: Request) -> Iterator[tuple[str, Request]]:
    if request.principal.kind == "service":
        yield "as another service", replace(request, principal=ANOTHER_SERVICE)
        yield from _for_another_source(request)
    elif request.principal.account:
        stranger = Principal.role(f"arn:aws:iam::{request.principal.account}:role/other", "other")
        yield "as another role", replace(request, principal=stranger)
        if request.resource.endswith("-ledger"):
            another = {"dynamodb:LeadingKeys": "foreign/foreign"}
            yield "for another consumer", _with(request, another)
    yield "from a foreign account", replace(request, principal=FOREIGN)
    yield "unsigned", replace(request, principal=Principal.anonymous(), context={})
    if request.action.startswith(_ANSWER_WITHOUT_TLS):
        yield "without TLS", _with(request, {"aws:SecureTransport": "false"})


def _for_another_source(request: Request) -> Iterator[tuple[str, Request]]:
    sent = request.context
    for key in ("aws:SourceArn", "kms:EncryptionContext:aws:logs:arn"):
        arn = str(sent.get(key, ""))
        if not arn:
            continue
        yield "for another resource", _with(request, {key: _NAME.sub("foreign", arn)})
        if _OWNER.search(arn):
            foreign = {key: _OWNER.sub(FOREIGN_ACCOUNT, arn)}
            if "aws:SourceAccount" in sent:
                foreign["aws:SourceAccount"] = FOREIGN_ACCOUNT
            yield "for a foreign account's resource", _with(request, foreign)
        elif "aws:SourceAccount" in sent:
            # A bucket that was deleted here can be made again by anybody.
            foreign = {"aws:SourceAccount": FOREIGN_ACCOUNT}
            yield "for a foreign account's resource", _with(request, foreign)
    if "aws:SourceArn" not in sent and request.action in _NAMES_A_SOURCE:
        # Where AWS says nothing of the source, anybody's is as good as this one.
        yield "for another resource", request


def _with(request: Request, keys: Mapping[str, str]) -> Request:
    return replace(request, context={**request.context, **keys})


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a policy: a statement, or an action, a resource, a principal, a condition of it.

    Attributes
    ----------
    policy
        Whose policy it is: ``role orders-transform: function``, or a resource's ARN.
    reduction
        The policy without the part.
    """

    policy: str
    reduction: Reduction

    @property
    def kind(self) -> str:
        """What the policy is of: ``role``, ``sqs``, ``sns``, ``s3``, ``lambda``, ``kms``."""
        return self.policy.split(" ")[0].split(":")[2 if self.policy.startswith("arn:") else 0]

    @property
    def sid(self) -> str:
        """The statement's name."""
        return self.reduction.statement.sid or ""

    def __str__(self) -> str:
        return f"{self.policy} | {self.sid} | {self.reduction.kind} | {self.text}"

    @property
    def text(self) -> str:
        """The part alone; nothing where it is the whole statement."""
        whole = str(self.reduction.statement)
        return self.reduction.removed.removeprefix(whole).removeprefix(": ")


def parts(policies: Iterable[Policy]) -> Iterator[Part]:
    """List all parts of some policies."""
    for policy in policies:
        for reduction in reductions(policy):
            yield Part(policy.name, reduction)


def unneeded(decisions: Sequence[Decision], policies: Sequence[Policy]) -> Iterator[Part]:
    """Find the parts without which every request would end as it did.

    A part that lets somebody in is needed by a request that it lets in, and one that keeps somebody
    out by a replay that it keeps out.
    """
    asked: defaultdict[int, list[Decision]] = defaultdict(list)
    kept_out: defaultdict[int, list[Decision]] = defaultdict(list)
    for decision in decisions:
        for place, entry in (
            (asked, decision),
            *((kept_out, r.decision) for r in replays(decision)),
        ):
            for policy in (*entry.identity, *((entry.resource,) if entry.resource else ())):
                place[id(policy)].append(entry)
    for policy in policies:
        for reduction in reductions(policy):
            wanted = not reduction.widens
            entries = (asked if wanted else kept_out)[id(policy)]
            if not any(
                entry.again() is wanted
                and entry.with_policy(policy, reduction.policy).again() is not wanted
                for entry in entries
                if _concerns(reduction, entry.request)
            ):
                yield Part(policy.name, reduction)


def _concerns(reduction: Reduction, request: Request) -> bool:
    """Tell quickly when a statement has nothing to do with a request."""
    service = request.action.partition(":")[0] + ":"
    actions = reduction.statement.actions or ("*",)
    return any(action == "*" or action.startswith(service) for action in actions)
