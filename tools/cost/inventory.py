"""What a plan makes, as far as it costs something: read from ``terraform show -json``. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# What costs nothing by itself, or is counted with something else.
_FREE = re.compile(
    r"aws_(cloudwatch_event_(rule|target)|cloudwatch_log_group|iam_\w+|kms_(alias|key_policy)"
    r"|lambda_(function_event_invoke_config|permission)|s3_bucket\w*|sns_topic|sqs_queue)"
)
_KEY = re.compile(r'\["([^"]+)"\]')


class PlanError(Exception):
    """The file is no plan, or one that moves no files."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """A function that gets files.

    Attributes
    ----------
    name
        As files' shares and durations are given: the name in the pipeline, or the function's.
    architecture, memory_mb
        The function's.
    writes_output
        Whether it writes a file for each it reads.
    writes_items
        Whether it writes items into a table.
    log_retention_days
        Days that logs are kept; 0 for ever.
    has_queue
        Whether a queue hands it the events; then ``batch_size`` and ``window_seconds`` are the
        mapping's.
    is_filtered
        Whether SNS looks into messages before it sends them to its queue.
    emits_metrics
        Whether the runtime writes CloudWatch metrics.
    """

    name: str
    architecture: str
    memory_mb: int
    writes_output: bool = False
    writes_items: bool = False
    log_retention_days: int = 0
    has_queue: bool = False
    batch_size: int = 10
    window_seconds: int = 0
    is_filtered: bool = False
    emits_metrics: bool = False


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a pipeline is made of.

    Attributes
    ----------
    route
        ``topic``, ``eventbridge``, ``queue`` or ``function``: where S3 sends its events.
    has_topic
        Whether events go through a topic, on route ``eventbridge`` too.
    consumers
        The functions.
    has_ledger
        Whether each claims its files in a processing ledger.
    alarms, dashboards, keys
        How many there are.
    archives
        How many archives of EventBridge keep the events.
    not_counted
        Types of resources that may cost something and are unknown here, and how many of each.
    """

    route: str
    has_topic: bool
    consumers: tuple[Consumer, ...]
    has_ledger: bool = False
    alarms: int = 0
    dashboards: int = 0
    keys: int = 0
    archives: int = 0
    not_counted: Mapping[str, int] | None = None


def read_plan(document: Any) -> Inventory:
    """Take from a plan what costs something.

    Raises
    ------
    PlanError
        The document is no plan, or has no function or no bucket notification.
    """
    match document:
        case {"planned_values": {"root_module": dict(root)}}:
            resources = list(_resources(root))
        case _:
            raise PlanError("this is no plan: write it with terraform show -json PLAN")
    by_type: dict[str, list[dict[str, Any]]] = {}
    for resource in resources:
        by_type.setdefault(resource["type"], []).append(resource)
    functions = by_type.pop("aws_lambda_function", [])
    notifications = by_type.pop("aws_s3_bucket_notification", [])
    if not functions or not notifications:
        raise PlanError("the plan has no function, or no notification of a bucket to start from")
    mappings = by_type.pop("aws_lambda_event_source_mapping", [])
    subscriptions = by_type.pop("aws_sns_topic_subscription", [])
    log_groups = by_type.get("aws_cloudwatch_log_group", [])
    variables = document.get("variables", {}).get("consumers", {}).get("value", {})
    route = _route(notifications[0]["values"])
    tables = by_type.pop("aws_dynamodb_table", [])
    return Inventory(
        route=route,
        # With a rule for each consumer, queues have their subscriptions too, but nothing comes.
        has_topic=route == "topic" or (route == "eventbridge" and not variables),
        consumers=tuple(
            sorted(
                (
                    _consumer(function, mappings, subscriptions, log_groups, variables)
                    for function in functions
                ),
                key=lambda consumer: consumer.name,
            )
        ),
        has_ledger=any(table["values"].get("range_key") == "object" for table in tables),
        alarms=len(by_type.pop("aws_cloudwatch_metric_alarm", [])),
        dashboards=len(by_type.pop("aws_cloudwatch_dashboard", [])),
        keys=len(by_type.pop("aws_kms_key", [])),
        archives=len(by_type.pop("aws_cloudwatch_event_archive", [])),
        not_counted=Counter(
            kind for kind, some in by_type.items() for _ in some if not _FREE.fullmatch(kind)
        ),
    )


def _resources(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (some for some in module.get("resources", []) if some["mode"] == "managed")
    for child in module.get("child_modules", []):
        yield from _resources(child)


def _route(notification: Mapping[str, Any]) -> str:
    for block, route in (("topic", "topic"), ("queue", "queue"), ("lambda_function", "function")):
        if notification.get(block):
            return route
    if notification.get("eventbridge"):
        return "eventbridge"
    raise PlanError("the bucket tells nobody of its files: its notification names no target")


def _consumer(
    function: Mapping[str, Any],
    mappings: list[dict[str, Any]],
    subscriptions: list[dict[str, Any]],
    log_groups: list[dict[str, Any]],
    variables: Mapping[str, Any],
) -> Consumer:
    """Put together what is known of a function; its environment is not, before the apply."""
    values = function["values"]
    key = _KEY.search(str(function["address"]))
    name = key[1] if key else str(values["function_name"])
    mapping = next((some["values"] for some in mappings if _belongs(some, function)), None)
    subscribed = [some["values"] for some in subscriptions if f'["{name}"]' in some["address"]]
    groups = [
        some["values"]
        for some in log_groups
        if some["values"]["name"].endswith(f"/{values['function_name']}")
    ]
    package = str(values.get("handler")).partition(".")[0]
    return Consumer(
        name=name,
        architecture=(values.get("architectures") or ["x86_64"])[0],
        memory_mb=int(values.get("memory_size") or 128),
        writes_output=package == "transform_objects" or bool(variables.get(name, {}).get("output")),
        writes_items=package == "load_records",
        log_retention_days=int(groups[0].get("retention_in_days") or 0) if groups else 0,
        has_queue=mapping is not None,
        batch_size=int((mapping or {}).get("batch_size") or 10),
        window_seconds=int((mapping or {}).get("maximum_batching_window_in_seconds") or 0),
        is_filtered=any(some.get("filter_policy") for some in subscribed),
        emits_metrics=name in variables,
    )


def _belongs(mapping: Mapping[str, Any], function: Mapping[str, Any]) -> bool:
    """Whether a mapping feeds a function: its module holds the function's."""
    module = str(mapping["address"]).rpartition(".aws_lambda_event_source_mapping")[0]
    return bool(module) and str(function["address"]).startswith(f"{module}.")
