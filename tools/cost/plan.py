"""Read from ``terraform show -json`` what a plan makes, as far as it costs something. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tools.cost.inventory import (
    EVENTBRIDGE,
    S3,
    Edge,
    Function,
    Inventory,
    Queue,
    QueueMapping,
    Table,
)
from tools.cost.references import References, keys_of

# What costs nothing by itself.
_FREE = re.compile(
    r"aws_(cloudwatch_event_permission|iam_\w+|kms_(alias|grant|key_policy)"
    r"|lambda_(alias|function_recursion_config|permission)"
    r"|s3_bucket(_lifecycle_configuration|_object_lock_configuration|_ownership_controls|_policy"
    r"|_public_access_block|_versioning)?"
    r"|sns_topic_policy|ssm_parameter|sqs_queue(_policy|_redrive_allow_policy|_redrive_policy))"
    r"|(local|null|random|terraform|time)_\w+"
)
_TARGETS = ("aws_sns_topic", "aws_sqs_queue", "aws_lambda_function")
_FREE_STORAGE_MB, _A_MINUTE = 512, 60


class PlanError(Exception):
    """The document is no plan, or one that moves no files."""


def read_plan(document: Any) -> Inventory:
    """Take from a plan what costs something.

    Raises
    ------
    PlanError
        The document is no plan, or no file of a bucket comes to a function in it.
    """
    match document:
        case {"errored": True}:
            raise PlanError("Terraform ended this plan with an error, so it is not whole")
        case {"planned_values": {"root_module": dict(root)}}:
            return _Reader(document, list(_resources(root))).inventory()
        case _:
            raise PlanError("this is no plan: write it with terraform show -json PLAN")


def _resources(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (some for some in module.get("resources", []) if some["mode"] == "managed")
    for child in module.get("child_modules", []):
        yield from _resources(child)


class _Reader:
    """One plan, its resources by type and by address."""

    def __init__(self, document: Mapping[str, Any], resources: list[dict[str, Any]]) -> None:
        self._by_type: dict[str, dict[str, Mapping[str, Any]]] = {}
        for one in resources:
            self._by_type.setdefault(one["type"], {})[one["address"]] = one.get("values") or {}
        self._read: set[str] = set()
        self._references = References(document, [one["address"] for one in resources])
        variables = document.get("variables", {})
        self._consumers = variables.get("consumers", {}).get("value") or {}
        self._dead_lettering = self._dead_letter_queues()
        self._not_counted: list[str] = []

    def inventory(self) -> Inventory:
        if not self._of("aws_s3_bucket_notification"):
            raise PlanError("the plan has no aws_s3_bucket_notification to start from")
        mappings = tuple(self._mappings())
        edges = tuple(dict.fromkeys((*self._from_s3(), *self._from_rules(), *self._from_topics())))
        functions = {
            address: self._function(address, values)
            for address, values in self._of("aws_lambda_function").items()
        }
        alarms, fast = self._alarms()
        expire, output_expire = self._expiry()
        inventory = Inventory(
            functions=functions,
            queues={
                address: self._queue(values)
                for address, values in self._of("aws_sqs_queue").items()
                if address not in self._dead_lettering
            },
            topics={
                address: bool(values.get("kms_master_key_id"))
                for address, values in self._of("aws_sns_topic").items()
            },
            mappings=mappings,
            edges=edges,
            tables=tuple(map(_table, self._of("aws_dynamodb_table").values())),
            archive_days=tuple(
                int(values.get("retention_days") or 0)
                for values in self._of("aws_cloudwatch_event_archive").values()
            ),
            alarms=alarms,
            fast_alarms=fast,
            dashboards=len(self._of("aws_cloudwatch_dashboard")),
            keys=len(self._of("aws_kms_key")),
            expire_days=expire,
            output_expire_days=output_expire,
            asks_key_for_each_file=self._asks_key_for_each_file(),
            # The last: what was read until now is counted.
            not_counted=(*self._not_counted, *self._unpriced()),
        )
        if not inventory.consumers:
            missing = "; ".join(inventory.not_counted) or "the notification names no target"
            raise PlanError(f"no file of a bucket comes to a function in this plan: {missing}")
        return inventory

    def _of(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Give the resources of a type by address; a type that was asked for is counted."""
        self._read.add(kind)
        return self._by_type.get(kind, {})

    def _blocks(self, kind: str, *names: str) -> Iterator[Mapping[str, Any]]:
        """Give all blocks of these names, of all resources of a type."""
        for values in self._of(kind).values():
            for name in names:
                yield from values.get(name) or []

    # How resources hang together.

    def _link(self, address: str, attribute: str, value: object, kind: str) -> set[str]:
        """Find what an attribute names: by its value where that is known, else by references."""
        if isinstance(value, str) and value:
            return {one for one, values in self._of(kind).items() if _is_named(value, values)}
        found = self._references.named_by(address, attribute, kind)
        return (found - self._dead_lettering) or found

    def _dead_letter_queues(self) -> frozenset[str]:
        """Find the queues that only get what others, or SNS and EventBridge, failed with."""
        found: set[str] = set()
        for address, values in self._of("aws_sqs_queue").items():
            policy = _parsed(values.get("redrive_policy"))
            names = self._references.named_by(address, "redrive_policy", "aws_sqs_queue")
            target = policy.get("deadLetterTargetArn")
            for other, others in self._of("aws_sqs_queue").items():
                if (_is_named(target, others) if target else other in names) and other != address:
                    found.add(other)
            if _parsed(values.get("redrive_allow_policy")).get("redrivePermission") == "byQueue":
                found.add(address)
        return frozenset(found)

    def _from_s3(self) -> Iterator[Edge]:
        blocks = (
            ("topic", "topic_arn", "aws_sns_topic"),
            ("queue", "queue_arn", "aws_sqs_queue"),
            ("lambda_function", "lambda_function_arn", "aws_lambda_function"),
        )
        for address, values in self._of("aws_s3_bucket_notification").items():
            for name, attribute, kind in blocks:
                for block in values.get(name) or []:
                    targets = self._notified(address, name, block, attribute, kind)
                    if not targets:
                        self._unknown(f"{name} {block.get('id') or ''} of {address}")
                    yield from (Edge(S3, target) for target in sorted(targets))
            if values.get("eventbridge"):
                yield Edge(S3, EVENTBRIDGE)

    def _notified(
        self, address: str, name: str, block: Mapping[str, Any], attribute: str, kind: str
    ) -> set[str]:
        """Find whom a block of a notification names.

        Terraform writes down nothing about a dynamic block: then it is what the module is given,
        and of several the one whose key begins the block's id, as bucket-notifications names them.
        """
        value = block.get(attribute)
        found = self._link(address, name, value, kind)
        if value or found:
            return found
        found = self._references.given_to_module_of(address, kind) - self._dead_lettering
        found = found or set(self._of(kind)) - self._dead_lettering
        own = re.sub(r"-\d+$", "", str(block.get("id") or ""))
        named = {one for one in found if f'["{own}"]' in one}
        return named or (found if len(found) == 1 else set())

    def _from_rules(self) -> Iterator[Edge]:
        rules = self._of("aws_cloudwatch_event_rule")
        for address, values in self._of("aws_cloudwatch_event_target").items():
            named = self._link(address, "rule", values.get("rule"), "aws_cloudwatch_event_rule")
            if not any(_is_about_s3(rules[rule]) for rule in named):
                continue
            targets = {
                target
                for kind in _TARGETS
                for target in self._link(address, "arn", values.get("arn"), kind)
            }
            if not targets:
                self._unknown(f"target {address}")
            yield from (Edge(EVENTBRIDGE, target) for target in sorted(targets))

    def _from_topics(self) -> Iterator[Edge]:
        for address, values in self._of("aws_sns_topic_subscription").items():
            protocol = str(values.get("protocol"))
            kind = {"sqs": "aws_sqs_queue", "lambda": "aws_lambda_function"}.get(protocol)
            topics = self._link(address, "topic_arn", values.get("topic_arn"), "aws_sns_topic")
            if kind is None:
                self._not_counted.append(f"{protocol} deliveries of {address}")
                continue
            targets = self._link(address, "endpoint", values.get("endpoint"), kind)
            if not topics or not targets:
                self._unknown(f"subscription {address}")
            bodies = bool(values.get("filter_policy")) and (
                values.get("filter_policy_scope") == "MessageBody"
            )
            for topic in sorted(topics):
                yield from (Edge(topic, target, bodies) for target in sorted(targets))

    def _mappings(self) -> Iterator[QueueMapping]:
        for address, values in self._of("aws_lambda_event_source_mapping").items():
            source, name = values.get("event_source_arn"), values.get("function_name")
            queues = self._link(address, "event_source_arn", source, "aws_sqs_queue")
            functions = self._link(address, "function_name", name, "aws_lambda_function")
            if len(queues) != 1 or len(functions) != 1:
                self._unknown(f"mapping {address}")
                continue
            if pollers := _block(values, "provisioned_poller_config").get("minimum_pollers"):
                self._not_counted.append(
                    f"{pollers} provisioned pollers of {address}, paid by the hour"
                )
            if _block(values, "metrics_config").get("metrics"):
                self._not_counted.append(f"metrics of {address}")
            yield QueueMapping(
                queue=queues.pop(),
                function=functions.pop(),
                batch_size=int(values.get("batch_size") or 10),
                window_seconds=int(values.get("maximum_batching_window_in_seconds") or 0),
                enabled=values.get("enabled") is not False,
            )

    def _unknown(self, what: str) -> None:
        self._not_counted.append(f"what comes through {what}: the plan doesn't tell where it leads")

    # What each resource is.

    def _function(self, address: str, values: Mapping[str, Any]) -> Function:
        name = str(values.get("function_name") or address)
        environment = _block(values, "environment").get("variables") or {}
        # A consumer's module has its name for a key; a number is that of a module that may lack.
        modules = address.rpartition(".aws_lambda_function.")[0]
        key = next((key.strip('"') for key in keys_of(modules) if key.startswith('"')), "")
        settings = self._consumers.get(key)
        output = (settings or {}).get("output")
        package = str(values.get("handler")).partition(".")[0]
        if _block(values, "vpc_config").get("subnet_ids"):
            self._not_counted.append(f"NAT gateways or endpoints of the VPC that {name} is in")
        if _block(values, "tracing_config").get("mode") == "Active":
            self._not_counted.append(f"X-Ray traces of {name}")
        return Function(
            name=key or name,
            architecture=(values.get("architectures") or ["x86_64"])[0],
            memory_mb=int(values.get("memory_size") or 128),
            storage_mb=int(_block(values, "ephemeral_storage").get("size") or _FREE_STORAGE_MB),
            timeout_seconds=int(values.get("timeout") or 3),
            log_retention_days=self._log_retention(name, values),
            retries=self._retries(name),
            writes_output=bool(output)
            or "OUTPUT_BUCKET" in environment
            or (settings is None and package in {"query_objects", "transform_objects"}),
            output_in_bucket=output is not None and not output.get("bucket"),
            writes_items=package == "load_records",
            emits_metrics=settings is not None or "METRICS_NAMESPACE" in environment,
        )

    def _log_retention(self, function: str, values: Mapping[str, Any]) -> int:
        name = _block(values, "logging_config").get("log_group") or f"/aws/lambda/{function}"
        groups = self._of("aws_cloudwatch_log_group").values()
        return next((int(g.get("retention_in_days") or 0) for g in groups if g["name"] == name), 0)

    def _retries(self, function: str) -> int:
        for values in self._of("aws_lambda_function_event_invoke_config").values():
            if values.get("function_name") == function:
                retries = values.get("maximum_retry_attempts")
                return 2 if retries is None else int(retries)
        return 2

    def _queue(self, values: Mapping[str, Any]) -> Queue:
        redrive = _parsed(values.get("redrive_policy"))
        return Queue(
            name=str(values.get("name")),
            fifo=bool(values.get("fifo_queue")),
            encrypted=bool(values.get("kms_master_key_id")),
            max_receive_count=int(redrive.get("maxReceiveCount") or 5),
        )

    def _alarms(self) -> tuple[dict[str, int], int]:
        """Count the metrics that alarms watch: an alarm on an expression watches several."""
        alarms: Counter[str] = Counter()
        fast = 0
        for values in self._of("aws_cloudwatch_metric_alarm").values():
            queries = values.get("metric_query") or []
            watched = [query["metric"][0] for query in queries if query.get("metric")] or [values]
            for metric in watched:
                if int(metric.get("period") or _A_MINUTE) < _A_MINUTE:
                    fast += 1
                else:
                    alarms[str(metric.get("metric_name"))] += 1
        return dict(alarms), fast

    def _expiry(self) -> tuple[int, int]:
        """Find after how many days a rule deletes all files, and one all outputs."""
        targets = self._blocks("aws_s3_bucket_notification", "topic", "queue", "lambda_function")
        prefixes = [str(block.get("filter_prefix") or "") for block in targets] or [""]
        outputs = [settings.get("output") or {} for settings in self._consumers.values()]
        inside = [str(one.get("prefix") or "") for one in outputs if one and not one.get("bucket")]
        return self._expiry_of(prefixes), self._expiry_of(inside)

    def _expiry_of(self, prefixes: list[str]) -> int:
        days = []
        for rule in self._blocks("aws_s3_bucket_lifecycle_configuration", "rule"):
            after = int(_block(rule, "expiration").get("days") or 0)
            covered = str(_block(rule, "filter").get("prefix") or rule.get("prefix") or "")
            if after and prefixes and all(prefix.startswith(covered) for prefix in prefixes):
                days.append(after)
        return min(days, default=0)

    def _asks_key_for_each_file(self) -> bool:
        default = "apply_server_side_encryption_by_default"
        return any(
            _block(rule, default).get("sse_algorithm") == "aws:kms"
            and not rule.get("bucket_key_enabled")
            for rule in self._blocks("aws_s3_bucket_server_side_encryption_configuration", "rule")
        )

    def _unpriced(self) -> Iterator[str]:
        """Name the types that nothing has asked for and that aren't free of charge."""
        for kind in sorted(self._by_type.keys() - self._read):
            if not _FREE.fullmatch(kind):
                yield f"{len(self._by_type[kind])} x {kind}"


def _table(values: Mapping[str, Any]) -> Table:
    keys = (values.get("hash_key"), values.get("range_key"))
    indexes = [*(values.get("global_secondary_index") or []),
               *(values.get("local_secondary_index") or [])]  # fmt: skip
    on_demand = values.get("billing_mode") == "PAY_PER_REQUEST"
    return Table(
        name=str(values.get("name")),
        # The keys of modules/processing-ledger.
        is_ledger=keys == ("consumer", "object"),
        copies=1 + len(indexes),
        read_units=0 if on_demand else int(values.get("read_capacity") or 0),
        write_units=0 if on_demand else int(values.get("write_capacity") or 0),
        has_recovery=bool(_block(values, "point_in_time_recovery").get("enabled")),
    )


def _block(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Give the only block of a name, which is a list in a plan; nothing where there is none."""
    blocks = values.get(name) or [{}]
    block: Mapping[str, Any] = (blocks[0] if isinstance(blocks, list) else blocks) or {}
    return block


def _parsed(text: object) -> Mapping[str, Any]:
    document = json.loads(text) if isinstance(text, str) and text else {}
    return document if isinstance(document, dict) else {}


def _is_named(value: object, values: Mapping[str, Any]) -> bool:
    """Whether an ARN, a URL or a name is that of a resource with these values."""
    names = {values.get(key) for key in ("arn", "id", "name", "function_name")} - {None, ""}
    text = str(value)
    return bool({text, re.split(r"[:/]", text)[-1]} & names)


def _is_about_s3(rule: Mapping[str, Any]) -> bool:
    pattern = _parsed(rule.get("event_pattern"))
    is_on = rule.get("state") != "DISABLED" and rule.get("is_enabled") is not False
    return is_on and "aws.s3" in pattern.get("source", ["aws.s3"] if pattern else [])
