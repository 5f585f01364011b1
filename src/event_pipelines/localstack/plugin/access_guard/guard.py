"""The decision about each request, and AWS's error for a denial."""

import importlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from localstack.runtime import hooks

from access_guard import policies
from access_guard.actions import Access, Place, UnknownOperationError, accesses
from access_guard.callers import Caller, Kind, caller_of
from access_guard.keys import key_accesses
from access_guard.recording import Recording
from aws_rules import deliveries
from aws_rules.policies import Principal, Request, Verdict, message
from aws_rules.recording import decide

# Requests between services that policies control. For the others (S3 sends events to EventBridge,
# Lambda manages its functions), AWS evaluates no customer policy.
_DELIVERIES = {"lambda:InvokeFunction", "sns:Publish", "sqs:SendMessage", "sts:AssumeRole"}

# The services' errors and status codes, for a denial by the key's policy and by any other policy.
_REFUSALS = {
    "cloudwatch": ("AccessDenied", 403),
    "kms": ("AccessDeniedException", 400),
    "s3": ("AccessDenied", 403),
    "sns": ("AuthorizationError", 403),
    "sqs": ("AccessDenied", 403),
    "sts": ("AccessDenied", 403),
}
_REFUSALS_BY_KEY = {
    "s3": ("AccessDenied", 403),
    "sns": ("KMSAccessDenied", 400),
    "sqs": ("KMS.AccessDeniedException", 400),
}
_OTHERWISE = ("AccessDeniedException", 400)

# The callers of a role's requests, and of its uses of keys, in the table of deliveries.
_CALLERS = {
    Kind.FUNCTION: (deliveries.Caller.FUNCTION, deliveries.Caller.FUNCTION_TO_KMS),
    Kind.LAMBDA: (deliveries.Caller.LAMBDA, deliveries.Caller.LAMBDA_TO_KMS),
    Kind.RULE: (deliveries.Caller.RULE, deliveries.Caller.RULE_TO_KMS),
}

type Value = str | bool | tuple[str, ...]
type Context = Mapping[str, Value]

recording = Recording()


@hooks.on_infra_start()
def guard_access() -> None:
    """Check every request against the policies, before its service handles it."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    handlers: Any = importlib.import_module("localstack.aws.handlers")
    handlers.serve_custom_service_request_handlers.append(check)


def check(_chain: Any, context: Any, _response: Any) -> None:
    """Deny a request that AWS would deny."""
    if context.service is None or context.operation is None:
        return
    caller = caller_of(context)
    if caller is None or _is_incomplete(context):
        return
    place = Place(
        context.partition,
        context.region,
        caller.principal.account or context.account_id,
        policies.partition_key,
        policies.function_of_mapping,
    )
    try:
        asked = list(_asked(context, place))
    except UnknownOperationError as error:
        # A root user may do everything; a role's permissions must be evaluated.
        if caller.principal.kind != "account":
            raise _error(context, None, str(error)) from None
        return
    for access, principal in asked:
        _decide(context, caller, principal, access, place)


def _asked(context: Any, place: Place) -> Iterator[tuple[Access, Principal | None]]:
    """List the actions and resources of a request, with the principal if it isn't the caller."""
    service, operation = context.service.service_name, context.operation.name
    request = context.service_request
    for access in accesses(service, operation, request, place):
        if access.action == "logs:CreateLogGroup" and policies.log_group_exists(access.resource):
            # Lambda creates a log group only if it doesn't exist; LocalStack tries each time.
            continue
        yield access, None
        if access.action in {"s3:GetObject", "s3:GetObjectVersion"} and policies.object_is_missing(
            access.resource, request.get("VersionId")
        ):
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, Permissions
            yield Access("s3:ListBucket", access.resource.partition("/")[0]), None
        for key_access in key_accesses(access, operation, request):
            yield key_access, _user_of_key(service, place)


def _user_of_key(service: str, place: Place) -> Principal | None:
    """Return who uses a key: CloudWatch Logs itself; for other services, their caller (None)."""
    return Principal.of_service(f"logs.{place.region}.amazonaws.com") if service == "logs" else None


def _is_incomplete(context: Any) -> bool:
    """Return whether the service will reject the request because a parameter is missing."""
    shape = context.operation.input_shape
    needed = shape.required_members if shape is not None else ()
    return any((context.service_request or {}).get(name) is None for name in needed)


def _decide(
    context: Any, caller: Caller, principal: Principal | None, access: Access, place: Place
) -> None:
    who = principal or caller.principal
    is_delivery = access.action in _DELIVERIES and policies.exists(access.resource)
    if who.kind == "service" and not access.via and not is_delivery:
        return
    request, verdict = _verdict(
        who,
        access.action,
        access.resource,
        policies.owner_of(access.resource) or place.account,
        tuple(sorted(_sent(caller, who, access, place).items())),
        tuple(policies.of_role(who.arn)) if who.kind == "role" and who.arn else (),
        policies.of_resource(access.resource),
    )
    if not verdict.allowed:
        raise _error(context, access, message(request, verdict))


@lru_cache(maxsize=16384)
def _verdict(
    principal: Principal,
    action: str,
    resource_arn: str,
    account: str,
    context: tuple[tuple[str, Value], ...],
    identity: tuple[policies.Document, ...],
    resource: policies.Document | None,
) -> tuple[Request, Verdict]:
    """Evaluate a request, with a cache: pollers send the same one many times a second."""
    request = Request(principal, action, resource_arn, account, dict(context))
    verdict = decide(
        request,
        [document.policy for document in identity],
        resource.policy if resource else None,
    )
    recording.add(request, identity, resource, allowed=verdict.allowed)
    return request, verdict


def _sent(caller: Caller, who: Principal, access: Access, place: Place) -> Context:
    """Return the context keys that AWS sends with a request.

    Requests to LocalStack use plain HTTP, but count as TLS requests here. Tests evaluate the
    statements about TLS without LocalStack.
    """
    function = place.arn("lambda", f"function:{caller.session_name}")
    facts = {
        "account": place.account,
        "region": place.region,
        "role_arn": who.arn or "",
        "function_arn": function,
        **_source(caller),
        **access.facts,
    }
    row = _row(caller, who, access)
    if row is not None:
        return row.context(**{name: facts[name] for name in facts.keys() & deliveries.FACTS})
    sent: dict[str, Value] = {**who.context, "aws:SecureTransport": True}
    sent |= {name: value for name, value in access.facts.items() if ":" in name}
    if "partition_keys" in access.facts:
        sent["dynamodb:LeadingKeys"] = access.facts["partition_keys"]
    if access.via:
        sent["kms:ViaService"] = f"{access.via}.{place.region}.amazonaws.com"
    return sent


def _row(caller: Caller, who: Principal, access: Access) -> deliveries.Delivery | None:
    """Find the delivery of a request; a service's must be in the table, a role's need not be."""
    if who.kind == "service":
        service = str(who.service)
        via = "" if service.startswith("logs.") else access.via
        row = _find(service, access.action, via, None, caller.dead_letter)
        if row is None:
            raise deliveries.NoDeliveryError(f"{service} {access.action} {via}")
        return row
    if caller.kind not in _CALLERS:
        return None
    signer = _CALLERS[caller.kind][1 if access.via else 0]
    return _find("role", access.action, access.via, signer, caller.dead_letter)


@lru_cache(maxsize=1024)
def _find(
    principal: str,
    action: str,
    via: str,
    signer: deliveries.Caller | None,
    dead_letter: bool,
) -> deliveries.Delivery | None:
    for of_dead_letter in (dead_letter, not dead_letter):
        try:
            return deliveries.between(
                principal, action, via=via, caller=signer, dead_letter=of_dead_letter
            )
        except deliveries.NoDeliveryError:
            continue
    return None


def _source(caller: Caller) -> dict[str, str]:
    """Return the resource on whose behalf a service acts, and its account."""
    owner = policies.owner_of(caller.source_arn) if caller.source_arn else None
    found = {"source_arn": caller.source_arn, "source_account": owner}
    return {name: value for name, value in found.items() if value}


def _error(context: Any, access: Access | None, text: str) -> Exception:
    api: Any = importlib.import_module("localstack.aws.api")
    service = context.service.service_name
    refusals = _REFUSALS
    if access is not None and access.action.startswith("kms:") and service != "kms":
        refusals = _REFUSALS_BY_KEY
    code, status = refusals.get(service, _OTHERWISE)
    error: Exception = api.CommonServiceException(code, text, status, sender_fault=True)
    return error
