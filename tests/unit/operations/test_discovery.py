"""Finding a pipeline by outputs: the root module's, handed on by another, or several."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from event_pipelines.operations import discovery
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.errors import OperationError, WrongUseError
from object_consumer.filters import ObjectFilter

ENVIRONMENT = {
    "PIPELINE": "orders",
    "CONSUMER": "load",
    "QUEUE_URL": "https://queues/orders-load",
    "DEAD_LETTER_QUEUE_URL": "https://queues/orders-load-dlq",
    "LEDGER_TABLE": "orders-ledger",
    "OBJECT_FILTER": '{"prefixes": ["in/"]}',
    "OUTPUT_BUCKET": "orders-files",
    "OUTPUT_PREFIX": "out/",
}

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"


class Functions:
    """Lambda, as far as it is asked."""

    def __init__(self, environments: Mapping[str, Mapping[str, str]]) -> None:
        self.environments = environments
        self.withheld: set[str] = set()

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        told: dict[str, Any] = {"FunctionName": FunctionName}
        if FunctionName in self.withheld:
            error = {"ErrorCode": "KMSDisabledException", "Message": "the key is disabled"}
            return told | {"Environment": {"Error": error}, "KMSKeyArn": KEY}
        return told | {"Environment": {"Variables": self.environments[FunctionName]}}

    def get_policy(self, **_: str) -> dict[str, str]:
        condition = {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::orders-files"}}
        return {"Policy": json.dumps({"Statement": [{"Condition": condition}]})}

    def get_paginator(self, operation: str) -> "Functions":
        self.operation = operation
        return self

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        if self.operation == "list_functions":
            names = list(self.environments)
            yield {"Functions": [self.get_function_configuration(name) for name in names]}
        else:
            arn = "arn:aws:sqs:eu-west-1:111122223333:orders-load"
            yield {"EventSourceMappings": [{"UUID": "mapping", "EventSourceArn": arn}]}


class Account:
    """An account with functions and nothing else."""

    region = "eu-west-1"

    def __init__(self, **environments: Mapping[str, str]) -> None:
        self.lambda_ = Functions(environments)


def account(**environments: Mapping[str, str]) -> Aws:
    return cast("Aws", Account(**environments))


def module(function: str = "orders-load", bucket: str = "orders-files") -> dict[str, Any]:
    consumer = {"function": {"name": function}, "queue": None, "dead_letter_queue": None}
    return {"bucket": {"name": bucket}, "consumers": {"load": consumer}, "topic": None}


def test_a_function_tells_of_everything_else() -> None:
    aws = account(**{"orders-load": ENVIRONMENT})

    pipeline = discovery.by_outputs(module(), None, aws)
    consumer = pipeline.consumers["load"]

    assert (pipeline.name, pipeline.bucket) == ("orders", "orders-files")
    assert consumer.queue_url == "https://queues/orders-load"
    assert consumer.mapping == "mapping"
    assert consumer.wanted == ObjectFilter(prefixes=("in/",))
    assert (consumer.ledger_table, consumer.ledger_key) == ("orders-ledger", "orders/load")
    assert consumer.output == "s3://orders-files/out/"


def test_a_function_without_a_queue_has_the_dead_letter_queue_of_the_outputs() -> None:
    outputs = module()
    outputs["consumers"]["load"]["dead_letter_queue"] = {"url": "https://queues/failed"}

    consumer = discovery.by_outputs(outputs, None, account(**{"orders-load": {}})).consumers["load"]

    assert (consumer.queue_url, consumer.mapping) == (None, None)
    assert consumer.dead_letter_queue_url == "https://queues/failed"


def test_the_outputs_of_another_configuration_hold_the_module() -> None:
    aws = account(**{"orders-load": ENVIRONMENT})

    assert discovery.by_outputs({"orders": module()}, None, aws).bucket == "orders-files"


def test_of_several_pipelines_one_has_to_be_named() -> None:
    outputs = {"orders": module(), "bills": module(bucket="bills-files"), "unrelated": 3}
    aws = account(**{"orders-load": ENVIRONMENT})

    assert discovery.by_outputs(outputs, "bills", aws).bucket == "bills-files"
    with pytest.raises(
        WrongUseError, match=r"select one of these outputs with --name: orders, bills"
    ):
        discovery.by_outputs(outputs, None, aws)
    with pytest.raises(WrongUseError, match="the outputs contain no pipeline"):
        discovery.by_outputs({"unrelated": 3}, None, aws)


@pytest.mark.parametrize("name", ["orders", "module", "orders-files", None])
def test_a_name_beside_outputs_is_that_of_their_pipeline(name: str | None) -> None:
    aws = account(**{"orders-load": ENVIRONMENT})

    assert discovery.by_outputs({"module": module()}, name, aws).name == "orders"


@pytest.mark.parametrize("topic", [None, {"name": "orders"}])
def test_a_name_beside_the_outputs_of_another_pipeline_is_an_error_with_both_names(
    topic: Mapping[str, str] | None,
) -> None:
    aws = account(**{"orders-load": ENVIRONMENT})

    with pytest.raises(WrongUseError, match=r"is bills, and the outputs .* are those of orders"):
        discovery.by_outputs({**module(), "topic": topic}, "bills", aws)


def test_the_functions_of_another_pipeline_are_not_asked() -> None:
    aws = account(**{"orders-load": ENVIRONMENT})
    aws.lambda_.withheld.add("orders-load")  # type: ignore[attr-defined]

    with pytest.raises(WrongUseError, match="are those of orders"):
        discovery.by_outputs({**module(), "topic": {"name": "orders"}}, "bills", aws)


def test_a_pipeline_is_found_by_its_name_alone() -> None:
    other = {**ENVIRONMENT, "PIPELINE": "bills"}
    aws = account(**{"orders-load": ENVIRONMENT, "bills-load": other, "unrelated": {}})

    pipeline = discovery.by_name("orders", aws)

    assert [consumer.function for consumer in pipeline.consumers.values()] == ["orders-load"]
    assert pipeline.bucket == "orders-files"
    with pytest.raises(WrongUseError, match=r"no function in eu-west-1 belongs to .* nobody"):
        discovery.by_name("nobody", aws)


@pytest.mark.parametrize(
    "find",
    [
        lambda aws: discovery.by_name("orders", aws),
        lambda aws: discovery.by_outputs(module(), None, aws),
    ],
)
def test_a_function_whose_environment_can_not_be_read_stops_the_tool(
    find: Callable[[Aws], object],
) -> None:
    aws = account(**{"orders-load": ENVIRONMENT, "orders-audit": ENVIRONMENT})
    cast("Functions", aws.lambda_).withheld = {"orders-load"}

    with pytest.raises(OperationError) as raised:
        find(aws)

    assert "withholds the environment of orders-load" in str(raised.value)
    assert "KMSDisabledException: the key is disabled" in str(raised.value)
    assert f"Enable {KEY}, and get kms:Decrypt on it" in str(raised.value)


def test_the_environment_of_somebody_elses_function_does_not_matter() -> None:
    aws = account(**{"orders-load": ENVIRONMENT, "bills-load": {}, "ordersload": {}})
    cast("Functions", aws.lambda_).withheld = {"bills-load", "ordersload"}

    assert list(discovery.by_name("orders", aws).consumers) == ["load"]
    with pytest.raises(WrongUseError, match=r"no function in eu-west-1 belongs to .* nobody"):
        discovery.by_name("nobody", aws)


def test_consumers_are_chosen_by_their_names() -> None:
    pipeline = discovery.by_outputs(module(), None, account(**{"orders-load": ENVIRONMENT}))

    assert [consumer.name for consumer in pipeline.chosen([])] == ["load"]
    assert [consumer.name for consumer in pipeline.chosen(["load"])] == ["load"]
    with pytest.raises(WrongUseError, match="unknown consumer lod; consumers: load"):
        pipeline.chosen(["lod"])


def test_a_file_of_outputs_is_read_as_terraform_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({"bucket": {"value": {"name": "b"}, "type": "object"}}))

    assert discovery.read_outputs(file) == {"bucket": {"name": "b"}}


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_file_that_holds_no_outputs_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(content)

    with pytest.raises(WrongUseError, match=r"outputs\.json: .*; write it with: terraform output"):
        discovery.read_outputs(file)


def test_without_terraform_the_other_ways_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TERRAFORM", raising=False)

    with pytest.raises(OperationError, match="use --outputs or --name"):
        discovery.ask_terraform(tmp_path)
