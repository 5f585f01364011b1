"""Find a pipeline by Terraform's outputs, or by its name.

Both lead to the functions. The environment of a function has everything else: its queues, the
ledger, the filter, the output. The tool thus uses the functions' own configuration, even if
Terraform's state isn't available.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from event_pipelines.operations.aws import Aws
from event_pipelines.operations.errors import OperationError, WrongUseError
from object_consumer.filters import ObjectFilter, parse_filter

_CREATED = "ObjectCreated:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """One consumer of a pipeline.

    Attributes
    ----------
    name
        Its name in the pipeline.
    function, log_group
        Its function and log group.
    function_arn, log_format
        The function's ARN, and the format of Lambda's own log lines: ``JSON`` or ``Text``.
    queue_url, dead_letter_queue_url
        Its queues; a function that is invoked directly may have none.
    mapping
        The UUID of the event source mapping from the queue; None without a queue.
    wanted
        Its filter.
    ledger_table, ledger_key
        The ledger's table, and its partition key; empty without a ledger.
    output
        The output, as ``s3://bucket/prefix``; None if unknown.
    """

    name: str
    function: str
    log_group: str
    function_arn: str = ""
    log_format: str = "JSON"
    queue_url: str | None = None
    dead_letter_queue_url: str | None = None
    mapping: str | None = None
    wanted: ObjectFilter = field(default_factory=ObjectFilter)
    ledger_table: str | None = None
    ledger_key: str = ""
    output: str | None = None

    @property
    def is_fifo(self) -> bool:
        """Whether its queues are FIFO; both are, or neither."""
        return (self.dead_letter_queue_url or self.queue_url or "").endswith(".fifo")

    @property
    def creation(self) -> str | None:
        """An event name for a new object that matches its filter; None if there is none."""
        for pattern in self.wanted.events or ("s3:*",):
            name = pattern.removeprefix("s3:")
            if name in {"*", f"{_CREATED}*"}:
                return f"{_CREATED}Put"
            if name.startswith(_CREATED):
                return name
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A pipeline.

    Attributes
    ----------
    name
        Its name.
    bucket
        The bucket of its files.
    consumers
        Its consumers, by name.
    """

    name: str
    bucket: str
    consumers: Mapping[str, Consumer]

    def chosen(self, names: list[str]) -> list[Consumer]:
        """Return the consumers with these names, or all of them.

        Raises
        ------
        WrongUseError
            A consumer doesn't exist.
        """
        unknown = [name for name in names if name not in self.consumers]
        if unknown:
            known = ", ".join(self.consumers)
            raise WrongUseError(f"unknown consumer {', '.join(unknown)}; consumers: {known}")
        return [self.consumers[name] for name in names or self.consumers]


def by_outputs(outputs: Mapping[str, Any], name: str | None, aws: Aws) -> Pipeline:
    """Find the pipeline in Terraform's outputs.

    Parameters
    ----------
    outputs
        The outputs of the root module, of an example, or of a configuration that uses such a module
        and has its outputs as one of its own outputs.
    name
        The pipeline's name, or the name of the output or of its bucket; required if there are
        several.

    Raises
    ------
    WrongUseError
        The outputs contain no pipeline or several, or none with this name.
    OperationError
        A function doesn't exist, can't be read, or has an environment that can't be decrypted.
    """
    candidates = {
        output: value
        for output, value in {"": outputs, **outputs}.items()
        if isinstance(value, Mapping) and "consumers" in value and "bucket" in value
    }
    chosen = [
        (output, value)
        for output, value in candidates.items()
        if name is None or name in _names(output, value) or len(candidates) == 1
    ]
    if not candidates:
        raise WrongUseError(
            "the outputs contain no pipeline: give its name with --name, or the folder of its "
            'configuration with --chdir, which needs an output "orders" { value = module.orders }'
        )
    if len(chosen) != 1:
        found = ", ".join(output or "the outputs themselves" for output in candidates)
        raise WrongUseError(f"select one of these outputs with --name: {found}")
    ((output, parts),) = chosen
    names = _names(output, parts)
    # Functions of another pipeline need not be readable. Without a topic, only they have its name.
    if name is not None and name not in names and (topic := _topic_name(parts)):
        raise _mismatch(name, topic)
    consumers = {
        consumer: _consumer(consumer, _configuration(told["function"]["name"], aws), told, aws)
        for consumer, told in parts["consumers"].items()
    }
    found_name = _pipeline_name(consumers) or output or str(parts["bucket"]["name"])
    if name is not None and name not in {*names, found_name}:
        raise _mismatch(name, found_name)
    return Pipeline(name=found_name, bucket=parts["bucket"]["name"], consumers=consumers)


def _names(output: str, parts: Mapping[str, Any]) -> set[str]:
    """Return what a pipeline of the outputs may be called."""
    return {output, str(parts["bucket"]["name"]), _topic_name(parts) or output}


def _mismatch(name: str, found: str) -> WrongUseError:
    return WrongUseError(
        f"--name (PIPELINE_NAME) is {name}, and the outputs of --outputs (PIPELINE_OUTPUTS) or "
        f"--chdir are those of {found}: omit one of the two, or give both of one pipeline"
    )


def by_name(name: str, aws: Aws) -> Pipeline:
    """Find a pipeline of the root module by its name, in the functions of this region.

    Raises
    ------
    WrongUseError
        No function belongs to it.
    OperationError
        AWS denied a request, or withholds the environment of a function with that name.
    """
    consumers, bucket = {}, None
    for page in aws.lambda_.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            # The names of the root module's functions begin with its name; others are skipped.
            if not function["FunctionName"].startswith(f"{name}-") and _is_withheld(function):
                continue
            environment = _environment(function)
            if environment.get("PIPELINE") == name and "CONSUMER" in environment:
                consumer = environment["CONSUMER"]
                consumers[consumer] = _consumer(consumer, function, {}, aws)
                bucket = bucket or _bucket_of(function["FunctionName"], aws)
    if not consumers:
        raise WrongUseError(f"no function in {aws.region} belongs to a pipeline called {name}")
    if bucket is None:
        raise WrongUseError(
            f"no function of {name} has a permission for its bucket: use Terraform's outputs "
            "instead, with --outputs or --chdir"
        )
    return Pipeline(name=name, bucket=bucket, consumers=dict(sorted(consumers.items())))


def read_outputs(file: Path) -> Mapping[str, Any]:
    """Read a file with the output of ``terraform output -json``.

    Raises
    ------
    WrongUseError
        The file has another form.
    """
    try:
        return _values(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WrongUseError(
            f"--outputs {file}: {error}; write it with: terraform output -json > {file}"
        ) from None


def ask_terraform(folder: Path) -> Mapping[str, Any]:
    """Run Terraform or OpenTofu for the outputs of a configuration.

    Raises
    ------
    OperationError
        Neither is installed, or it failed.
    """
    named = [os.environ.get("TERRAFORM"), "terraform", "tofu"]
    binary = next(filter(None, map(shutil.which, filter(None, named))), None)
    if binary is None:
        raise OperationError("neither terraform nor tofu is on PATH: use --outputs or --name")
    command = [binary, f"-chdir={folder}", "output", "-json", "-no-color"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OperationError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    return _values(done.stdout)


def _values(text: str) -> Mapping[str, Any]:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 (a file's content, not an argument)
    return {
        name: output["value"] if isinstance(output, dict) and "value" in output else output
        for name, output in document.items()
    }


def _topic_name(parts: Mapping[str, Any]) -> str | None:
    topic = parts.get("topic")
    return topic.get("name") if isinstance(topic, Mapping) else None


def _pipeline_name(consumers: Mapping[str, Consumer]) -> str | None:
    keys = {consumer.ledger_key.partition("/")[0] for consumer in consumers.values()} - {""}
    return keys.pop() if len(keys) == 1 else None


def _configuration(function: str, aws: Aws) -> Mapping[str, Any]:
    try:
        return aws.lambda_.get_function_configuration(FunctionName=function)
    except ClientError as error:
        raise OperationError(f"can't read function {function}: {error}") from None


def _consumer(
    name: str, function: Mapping[str, Any], told: Mapping[str, Any], aws: Aws
) -> Consumer:
    """Combine the function's environment with the outputs."""
    environment = _environment(function)
    queue = environment.get("QUEUE_URL") or (told.get("queue") or {}).get("url")
    wanted = environment.get("OBJECT_FILTER")
    pipeline = environment.get("PIPELINE", "")
    output = environment.get("OUTPUT_BUCKET")
    return Consumer(
        name=name,
        function=function["FunctionName"],
        log_group=function.get("LoggingConfig", {}).get("LogGroup")
        or f"/aws/lambda/{function['FunctionName']}",
        function_arn=function.get("FunctionArn", ""),
        log_format=function.get("LoggingConfig", {}).get("LogFormat", "Text"),
        queue_url=queue,
        dead_letter_queue_url=environment.get("DEAD_LETTER_QUEUE_URL")
        or (told.get("dead_letter_queue") or {}).get("url"),
        mapping=_mapping(function["FunctionName"], aws) if queue else None,
        wanted=parse_filter("OBJECT_FILTER", wanted) if wanted else ObjectFilter(),
        ledger_table=environment.get("LEDGER_TABLE"),
        ledger_key=f"{pipeline}/{environment.get('CONSUMER', name)}" if pipeline else "",
        output=f"s3://{output}/{environment.get('OUTPUT_PREFIX', '')}" if output else None,
    )


def _is_withheld(function: Mapping[str, Any]) -> bool:
    return "Error" in function.get("Environment", {})


def _environment(function: Mapping[str, Any]) -> Mapping[str, str]:
    """Read a function's environment.

    Raises
    ------
    OperationError
        Lambda could not decrypt it. It then returns an error in its place, and a consumer
        would seem to have no filter, no ledger and no circuit breaker:
        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
    """
    environment = function.get("Environment", {})
    if _is_withheld(function):
        error = environment["Error"]
        key = function.get("KMSKeyArn") or "the KMS key of its environment"
        raise OperationError(
            f"Lambda withholds the environment of {function['FunctionName']}, which names its "
            f"queues, filter and ledger: {error.get('ErrorCode')}: {error.get('Message')}. "
            f"Enable {key}, and get kms:Decrypt on it. If the function belongs to another "
            "pipeline, select yours with --outputs or --chdir"
        )
    variables: Mapping[str, str] = environment.get("Variables", {})
    return variables


def _mapping(function: str, aws: Aws) -> str | None:
    for page in aws.lambda_.get_paginator("list_event_source_mappings").paginate(
        FunctionName=function
    ):
        for mapping in page["EventSourceMappings"]:
            if ":sqs:" in mapping.get("EventSourceArn", ""):
                return mapping["UUID"]
    return None


def _bucket_of(function: str, aws: Aws) -> str | None:
    """Return the bucket that may invoke a function: the root module's bucket may on every route."""
    try:
        policy = json.loads(aws.lambda_.get_policy(FunctionName=function)["Policy"])
    except ClientError:
        return None
    for statement in policy["Statement"]:
        for condition in statement.get("Condition", {}).values():
            for key, arn in condition.items():
                if key.lower() == "aws:sourcearn" and ":s3:::" in str(arn):
                    return str(arn).partition(":s3:::")[2]
    return None
