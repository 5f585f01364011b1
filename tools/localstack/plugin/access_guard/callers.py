"""Who makes a request: a user, the session of a role, a service, or somebody unknown."""

import importlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from tools.aws_rules.policies import Principal

# What LocalStack's own clients sign with, and what it adds to a request that is not signed.
_INTERNAL = "__internal_call__"
_UNSIGNED = "injectedaccesskey"

# A subscription's ARN is its topic's with one part more.
_COLONS_OF_A_TOPIC = 5

# LocalStack's words for services; policies have the domain as well.
_SUFFIX = ".amazonaws.com"


class Kind(Enum):
    """What makes a request."""

    SERVICE = auto()
    # A role's: its function's code, Lambda itself, EventBridge for a rule, or anybody else.
    FUNCTION = auto()
    LAMBDA = auto()
    RULE = auto()
    SESSION = auto()
    # An account's own user, or nobody known.
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request.

    Attributes
    ----------
    principal
        As policies name it.
    kind
        What makes it.
    source_arn
        What a service acts for: the bucket, the topic, the rule, the alarm.
    session_name
        Of a role's session; a function's code has the function's name there.
    dead_letter
        Whether SNS sends what it could not deliver.
    """

    principal: Principal
    kind: Kind
    source_arn: str = ""
    session_name: str = ""
    dead_letter: bool = False


def caller_of(context: Any) -> Caller | None:
    """Tell who makes a request; nothing when LocalStack acts on its own behalf.

    The credentials of a role come first: a service that has assumed one acts with its rights.
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
        # A delivery to a subscription's dead-letter queue is made for the topic as well; LocalStack
        # names the subscription.
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
    """Tell a function's code, whose session has the function's name, from others."""
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
