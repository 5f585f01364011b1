"""The sender of a request: a user, a role session, a service, or an anonymous client."""

import importlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from aws_rules.policies import Principal

# The credentials of LocalStack's own clients, and those it adds to unsigned requests.
_INTERNAL = "__internal_call__"
_UNSIGNED = "injectedaccesskey"

# A subscription's ARN is its topic's ARN with one more part.
_COLONS_OF_A_TOPIC = 5

# LocalStack's names of services; policies add the domain.
_SUFFIX = ".amazonaws.com"


class Kind(Enum):
    """The kind of a request's sender."""

    SERVICE = auto()
    # With a role: its function's code, Lambda itself, EventBridge for a rule, or another client.
    FUNCTION = auto()
    LAMBDA = auto()
    RULE = auto()
    SESSION = auto()
    # An account's root user, or an anonymous client.
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request.

    Attributes
    ----------
    principal
        The principal in policies.
    kind
        The kind of the sender.
    source_arn
        The resource on whose behalf a service acts: the bucket, the topic, the rule, the alarm.
    session_name
        The name of a role session; for a function's code, the function's name.
    dead_letter
        Whether SNS sends an undeliverable message to a dead-letter queue.
    """

    principal: Principal
    kind: Kind
    source_arn: str = ""
    session_name: str = ""
    dead_letter: bool = False


def caller_of(context: Any) -> Caller | None:
    """Return the sender of a request; None if LocalStack acts on its own behalf.

    A role's credentials have priority: a service that has assumed a role acts with its permissions.
    """
    request_context: Any = importlib.import_module("localstack.utils.aws.request_context")
    key_id = request_context.extract_access_key_id_from_auth_header(context.request.headers)
    internal = context.internal_request_params
    if session := _session(key_id, context):
        principal = Principal.role(session.role_arn, session.session_name)
        kind = _kind_of_session(session, context, internal)
        return Caller(principal, kind, session_name=session.session_name)
    if internal is not None and (service := internal.get("service_principal")):
        arn = str(internal.get("source_arn") or "")
        # A delivery to a subscription's dead-letter queue has the topic as its source too, where
        # LocalStack has the subscription.
        is_subscription = ":sns:" in arn and arn.count(":") > _COLONS_OF_A_TOPIC
        return Caller(
            Principal.of_service(service + _SUFFIX),
            Kind.SERVICE,
            arn.rpartition(":")[0] if is_subscription else arn,
            dead_letter=is_subscription,
        )
    if internal is not None or key_id == _INTERNAL:
        return None
    if key_id == _UNSIGNED:
        return Caller(Principal.anonymous(), Kind.OTHER)
    return Caller(Principal.root(context.account_id, context.partition), Kind.OTHER)


def _kind_of_session(session: Any, context: Any, internal: Any) -> Kind:
    """Distinguish a function's code, whose session has the function's name, from other senders."""
    if internal is not None:
        return Kind.RULE if internal.get("service_principal") == "events" else Kind.LAMBDA
    stores: Any = importlib.import_module(
        "localstack.services.lambda_.invocation.models"
    ).lambda_stores
    functions = stores[session.account_id][context.region].functions
    return Kind.FUNCTION if session.session_name in functions else Kind.SESSION


_sessions: dict[str, Any] = {}


def _session(key_id: str | None, context: Any) -> Any:
    if key_id is None or not key_id.startswith(("LSIA", "ASIA")):
        return None
    if key_id not in _sessions:
        backends: Any = importlib.import_module("moto.sts.models").sts_backends
        backend = backends[context.account_id][context.partition]
        _sessions[key_id] = backend.get_assumed_role_from_access_key(key_id)
    return _sessions[key_id]
