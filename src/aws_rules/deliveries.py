"""The condition keys that AWS sends with requests between its services, from ``deliveries.toml``.

A policy's ``Condition`` holds only if AWS sends the key that it asks for, and the services differ:
EventBridge names the rule towards SQS, and nothing at all towards SNS. The table says which keys
come with which request, and from which page that is known. The tests, the documentation and the
embedded LocalStack read it; for the latter's sake this needs the standard library alone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Any

FILE = Path(__file__).with_name("deliveries.toml")

# The facts about a request that the values of `sends` can refer to.
FACTS = frozenset({
    "account", "bucket_arn", "function_arn", "partition_keys", "principal", "region", "role_arn",
    "source_account", "source_arn", "table", "via",
})  # fmt: skip

# The principal of rows about an IAM role.
_ROLE = "role"

# The keys of a row in the file.
_REQUIRED = frozenset({"description", "principal", "caller", "resource", "status", "sources"})
_OPTIONAL = frozenset({
    "actions", "dead_letter", "does_not_send", "note", "open", "sends", "source", "via",
})  # fmt: skip

type Value = str | tuple[str, ...]


class DeliveriesError(ValueError):
    """The table is invalid, or a fact about a request is missing; the message says which."""


class NoDeliveryError(LookupError):
    """No row or several rows match a request; the message describes the request."""


class Status(StrEnum):
    """How certain it is which keys are sent."""

    DOCUMENTED = "documented"
    INFERRED = "inferred"
    OPEN = "open"


class Caller(StrEnum):
    """Who signs a request."""

    SERVICE = "service"
    SERVICE_TO_KMS = "service_to_kms"
    FUNCTION = "function"
    FUNCTION_TO_KMS = "function_to_kms"
    LAMBDA = "lambda"
    LAMBDA_TO_KMS = "lambda_to_kms"
    RULE = "rule"
    RULE_TO_KMS = "rule_to_kms"
    DEPLOYER_TO_KMS = "deployer_to_kms"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request that AWS makes, with the condition keys that come with it.

    Attributes
    ----------
    name
        The name of the row.
    description
        What happens, without a subject: ``S3 publishes an event to a topic``.
    principal
        The principal in a resource policy: a service principal, or ``role``.
    caller
        Who signs the request.
    signed_by
        A description of the caller.
    via
        The service that calls KMS, such as ``sqs``; empty if the request doesn't use a key.
    dead_letter
        Whether the request sends an undeliverable event to a dead-letter queue.
    actions
        The API operations that an IAM action covers, by action; empty if no policy is evaluated.
    resource
        ARN of the target resource, with names in braces.
    source
        ARN of the resource on whose behalf the service acts, in the form of the fact
        ``source_arn``; empty for a role.
    sends
        The values of the condition keys that are sent, with facts in braces.
    does_not_send
        Why some keys that are often expected are not sent.
    open
        The open question for each key that may or may not be sent.
    of_caller
        The keys of these three attributes that apply to every request of the caller.
    status
        How certain it is.
    note
        Further remarks.
    sources
        Addresses of the pages.
    sources_of_caller
        Addresses for what applies to every request of the caller.
    """

    name: str
    description: str
    principal: str
    caller: Caller
    signed_by: str
    via: str
    dead_letter: bool
    actions: Mapping[str, tuple[str, ...]]
    resource: str
    source: str
    sends: Mapping[str, str]
    does_not_send: Mapping[str, str]
    open: Mapping[str, str]
    of_caller: frozenset[str]
    status: Status
    note: str
    sources: tuple[str, ...]
    sources_of_caller: tuple[str, ...]

    def is_by(self, principal: str) -> bool:
        """Return whether a principal makes the request, in any region and partition."""
        pattern = re.escape(self.principal).replace(re.escape("{region}"), "[a-z0-9-]+")
        return re.fullmatch(rf"{pattern}(\.cn)?", principal) is not None

    def context(self, **facts: str | Sequence[str]) -> dict[str, Value]:
        """Return the condition keys that AWS sends with the request, and no others.

        Parameters
        ----------
        **facts
            Facts about the request, by the names in ``FACTS``. Facts that the row doesn't need are
            ignored. Several ``partition_keys`` produce a multivalued key.

        Raises
        ------
        DeliveriesError
            A required fact is missing, or a fact is unknown.
        """
        if unknown := sorted(facts.keys() - FACTS):
            raise DeliveriesError(f"unknown facts {', '.join(unknown)}: use {_listed(FACTS)}")
        known = {"principal": self.principal, "via": self.via, **facts}
        if missing := sorted(fact for fact in self.asks_for if not known.get(fact)):
            raise DeliveriesError(f"{self.name}: {', '.join(missing)} must be given")
        return {key: _filled(template, known) for key, template in self.sends.items()}

    @property
    def asks_for(self) -> frozenset[str]:
        """Return the names of the facts that ``context`` needs."""
        return frozenset(field for template in self.sends.values() for field in _fields(template))


def _filled(template: str, known: Mapping[str, str | Sequence[str]]) -> Value:
    for fact in _fields(template):
        value = known[fact]
        if not isinstance(value, str):
            if template != f"{{{fact}}}":
                raise DeliveriesError(f"{fact} can have only one value in {template}")
            return tuple(value)
    return template.format_map(known)


def _fields(template: str) -> list[str]:
    return [field for _, field, _, _ in Formatter().parse(template) if field is not None]


@cache
def load(file: Path = FILE) -> Mapping[str, Delivery]:
    """Read the table: the deliveries by name, in the order of the file.

    Raises
    ------
    DeliveriesError
        The table contradicts itself, or a row lacks what it must have.
    """
    return parse(file.read_text(encoding="utf-8"))


def parse(text: str) -> Mapping[str, Delivery]:
    """Read a table from its text; see ``load``.

    Raises
    ------
    DeliveriesError
        The table contradicts itself, or a row lacks what it must have.
    """
    document = tomllib.loads(text)
    callers = {Caller(name): caller for name, caller in document["callers"].items()}
    rows = {
        name: _read(name, row, callers[Caller(row["caller"])])
        for name, row in document["deliveries"].items()
    }
    for row in rows.values():
        _check(row)
    _check_questions(rows.values())
    return MappingProxyType(rows)


def _read(name: str, row: Mapping[str, Any], caller: Mapping[str, Any]) -> Delivery:
    if missing := _REQUIRED - row.keys():
        raise DeliveriesError(f"{name}: needs {_listed(missing)}")
    if unknown := row.keys() - _REQUIRED - _OPTIONAL:
        raise DeliveriesError(f"{name}: unknown keys {_listed(unknown)}")
    if not row["sources"] and (row["status"] != Status.OPEN or "note" not in row):
        raise DeliveriesError(f"{name}: needs a source, or status open with a note")
    own = {kind: row.get(kind, {}) for kind in ("sends", "does_not_send", "open")}
    named = {key for keys in own.values() for key in keys}
    # A row has priority over its caller.
    merged = {
        kind: {key: said for key, said in caller.get(kind, {}).items() if key not in named} | keys
        for kind, keys in own.items()
    }
    return Delivery(
        name=name,
        description=row["description"],
        principal=row["principal"],
        caller=Caller(row["caller"]),
        signed_by=caller["description"],
        via=row.get("via", ""),
        dead_letter=row.get("dead_letter", False),
        actions={
            action: tuple(operations) for action, operations in row.get("actions", {}).items()
        },
        resource=row["resource"],
        source=row.get("source", ""),
        sends=dict(sorted(merged["sends"].items())),
        does_not_send=dict(sorted(merged["does_not_send"].items())),
        open=dict(sorted(merged["open"].items())),
        of_caller=frozenset(key for keys in merged.values() for key in keys) - named,
        status=Status(row["status"]),
        note=row.get("note", ""),
        sources=tuple(row["sources"]),
        sources_of_caller=tuple(caller["sources"]),
    )


def _check(row: Delivery) -> None:
    kinds = [set(row.sends), set(row.does_not_send), set(row.open)]
    twice = {key for key in set.union(*kinds) if sum(key in kind for kind in kinds) > 1}
    if twice:
        raise DeliveriesError(f"{row.name}: {_listed(twice)} must be one of sent, not sent, open")
    if unknown := row.asks_for - FACTS:
        raise DeliveriesError(f"{row.name}: unknown facts {_listed(unknown)}")
    sources = (*row.sources, *row.sources_of_caller)
    if bad := [source for source in sources if not source.startswith("https://")]:
        raise DeliveriesError(f"{row.name}: {_listed(bad)} must be the address of a web page")
    if row.caller is Caller.NOBODY and (row.actions or row.sends or not row.note):
        raise DeliveriesError(f"{row.name}: without actions, only a note that says why is allowed")
    if row.caller is not Caller.NOBODY and not row.actions:
        raise DeliveriesError(f"{row.name}: needs the action that IAM checks")
    if bool(row.via) != row.caller.endswith("_to_kms"):
        raise DeliveriesError(f"{row.name}: via needs a use of a key")
    if "source_arn" in row.asks_for and not row.source:
        raise DeliveriesError(f"{row.name}: needs the source whose ARN is sent")


def _check_questions(rows: Iterable[Delivery]) -> None:
    seen: dict[tuple[object, ...], str] = {}
    for row in rows:
        for action in row.actions:
            question = (row.principal, row.caller, row.via, row.dead_letter, action)
            if question in seen:
                raise DeliveriesError(f"{seen[question]} and {row.name} match the same request")
            seen[question] = row.name


def between(
    principal: str,
    action: str,
    *,
    via: str = "",
    dead_letter: bool = False,
    caller: Caller | None = None,
) -> Delivery:
    """Return the row that matches a request.

    Parameters
    ----------
    principal
        The service principal, or ``role``.
    action
        The IAM action; see ``checked_as`` for an API operation.
    via
        For the use of a key, the service that calls KMS: ``sns``, ``sqs``, ``s3``, ``dynamodb``.
    dead_letter
        Whether the request sends an undeliverable event to a dead-letter queue.
    caller
        Who signs it, if a role's requests differ: the function's code or Lambda itself.

    Raises
    ------
    NoDeliveryError
        No row or more than one matches the request.
    """
    found = [
        row
        for row in load().values()
        if row.is_by(principal)
        and action in row.actions
        and row.via == via
        and row.dead_letter == dead_letter
        and caller in {None, row.caller}
    ]
    if len(found) != 1:
        wanted = f"{principal}, {action}, via={via!r}, dead_letter={dead_letter}, caller={caller}"
        names = _listed(row.name for row in found) or "none"
        raise NoDeliveryError(f"{FILE.name} must have one row for {wanted}, but has {names}")
    return found[0]


def checked_as(operation: str) -> frozenset[str]:
    """Return the IAM actions that may cover an API operation.

    ``sqs:SendMessage`` covers ``sqs:SendMessageBatch``. If there are several actions, the request
    decides: ``s3:HeadObject`` needs one action with a version and another one without.

    Parameters
    ----------
    operation
        The API operation with the service's prefix. One that no row has is its own action.
    """
    service, _, name = operation.partition(":")
    checks = [check for row in load().values() for check in row.actions.items()]
    if operation in {action for action, _ in checks}:
        return frozenset({operation})
    prefix = f"{service}:"
    found = {action for action, names in checks if action.startswith(prefix) and name in names}
    return frozenset(found or {operation})


def to_markdown() -> str:
    """Format the requests for the documentation, one line per row, in the order of the file.

    ``callers_to_markdown`` formats the keys that come with every request of a caller.
    """
    return _table(
        ("Request", "Principal", "Action", "Resource", "AWS sends", "Not sent", "Known from"),
        ((row.description, *_cells(row)) for row in load().values()),
    )


def callers_to_markdown() -> str:
    """Format the keys that come with every request of a caller, in the order of the file."""
    by_words: dict[str, list[Delivery]] = {}
    for row in load().values():
        by_words.setdefault(row.signed_by, []).append(row)
    return _table(
        ("Signed by", "AWS sends", "Not sent", "Known from"),
        (
            (
                words,
                *_keys(rows, lambda row, key: key in row.of_caller),
                _links(rows[0].sources_of_caller),
            )
            for words, rows in by_words.items()
            if any(row.of_caller for row in rows)
        ),
    )


def _cells(row: Delivery) -> Iterator[str]:
    yield row.signed_by if row.principal == _ROLE else f"`{row.principal}`"
    yield "<br>".join(f"`{action}`" for action in row.actions) or "none is checked"
    yield f"`{row.resource}`"
    yield from _keys([row], lambda row, key: key not in row.of_caller)
    yield f"{row.status}: {_links(row.sources)}" + (f". {row.note}" if row.note else "")


def _links(sources: Iterable[str]) -> str:
    return " ".join(f"[{number}]({source})" for number, source in enumerate(sources, 1))


def _keys(rows: Iterable[Delivery], wanted: Callable[[Delivery, str], bool]) -> Iterator[str]:
    """Format the keys that are sent, and those that aren't or for which it is unknown."""
    sent: dict[str, str] = {}
    unsent: dict[str, str] = {}
    for row in rows:
        said = {"{principal}": "the principal", "{source_arn}": row.source or "{source_arn}"}
        for key, value in row.sends.items():
            if wanted(row, key):
                sent[key] = f"`{key}` = {said.get(value, value)}"
        for key in (*row.does_not_send, *row.open):
            if wanted(row, key):
                unsent[key] = f"`{key}`" + (" (open)" if key in row.open else "")
    for written in (sent, unsent):
        yield "<br>".join(written[key] for key in sorted(written)) or "-"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
