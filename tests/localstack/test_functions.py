"""Functions as processes of this host: what Lambda promises, and says when they fail."""

import json
import os
import secrets
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from event_pipelines.localstack import Instance, running
from tests.integration.waiting import eventually
from tests.localstack.functions import Functions

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        os.environ.get("LOCALSTACK", "embedded") != "embedded", reason="of the embedded one only"
    ),
]


@pytest.fixture(scope="module")
def functions(localstack: Instance) -> Functions:
    """The functions of the shared instance."""
    return Functions(localstack)


@pytest.fixture(scope="module")
def function(functions: Functions) -> str:
    """A function that does what its event says."""
    return functions.make(MemorySize=256, Environment={"Variables": {"OWN": "value"}})


def test_a_function_gets_its_memory_setting_its_time_and_its_environment(
    functions: Functions, function: str, localstack: Instance
) -> None:
    answer, error = functions.invoke(function)

    assert error is None
    assert int(answer["memory"]) == 256
    assert 10_000 < answer["left"] <= 20_000
    environment = answer["environment"]
    assert environment["OWN"] == "value"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == function
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["AWS_ENDPOINT_URL"] == localstack.endpoint_url


def test_a_function_sees_nothing_of_the_host(
    functions: Functions, function: str, localstack: Instance
) -> None:
    modules = ["boto3", "awslambdaric", "pytest", "moto", "obstore", "localstack", "tools"]

    answer, _ = functions.invoke(function, {"import": modules})

    assert [name for name, found in answer.items() if found] == ["boto3", "awslambdaric"]
    environment = functions.invoke(function)[0]["environment"]
    assert not [name for name in environment if name.startswith(("PYTHON", "VIRTUAL_ENV", "HOST_"))]


def test_a_function_has_no_input_and_a_temporary_folder_of_its_own(
    functions: Functions, function: str
) -> None:
    assert functions.invoke(function, {"read_input": True}) == ("", None)
    temporary, home = functions.invoke(function, {"paths": True})[0]
    assert temporary == home
    assert "/localstack-" in temporary


def test_a_warm_function_is_the_same_process(functions: Functions, function: str) -> None:
    assert functions.invoke(function)[0]["pid"] == functions.invoke(function)[0]["pid"]


@pytest.mark.parametrize(
    ("event", "how"),
    [
        ({"exit": 3}, "exit status 3"),
        ({"kill": 1}, "signal: SIGKILL"),
        ({"answer_half": 4}, "exit status 4"),
    ],
)
def test_a_crash_is_reported_and_the_next_invocation_works(
    functions: Functions, function: str, event: dict[str, int], how: str
) -> None:
    before = functions.invoke(function)[0]["pid"]

    answer, error = functions.invoke(function, event)

    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert answer["errorMessage"].endswith(f"Error: Runtime exited with error: {how}")
    assert functions.invoke(function)[0]["pid"] != before


def test_what_a_function_started_ends_when_it_crashes(functions: Functions, function: str) -> None:
    mark = f"child-{secrets.token_hex(8)}"

    def runs() -> bool:
        listed = subprocess.run(["ps", "-ww", "-eo", "args"], check=True, capture_output=True)
        return mark.encode() in listed.stdout

    functions.invoke(function, {"start_child": mark})
    assert runs()
    functions.invoke(function, {"exit": 1})

    eventually(lambda: not runs(), waiting_for="the child to end")


def test_crashes_leave_nothing_behind_in_localstack() -> None:
    # One of its own: what others have open, while stacks are applied to it, comes and goes.
    with running("embedded") as instance:
        functions = Functions(instance)
        function = functions.make()
        assert instance.log is not None
        mark = f"host_lambda.launch {instance.log.parent}$"
        listed = subprocess.run(["pgrep", "-f", mark], check=True, capture_output=True, text=True)
        process = Path("/proc") / listed.stdout.strip()

        def crash() -> tuple[int, int]:
            """Start and crash the function; count the files and the threads that there are."""
            functions.invoke(function, {"exit": 1})
            functions.invoke(function)
            return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))

        counts = [crash() for _ in range(18)]

    # What is open goes up and down, as closed connections wait for the garbage collector.
    for before, after in zip(least_of(counts[2:8]), least_of(counts[-6:]), strict=True):
        assert after < before + 8, counts


def least_of(counts: list[tuple[int, int]]) -> tuple[int, int]:
    files, threads = zip(*counts, strict=True)
    return min(files), min(threads)


def test_a_function_that_is_deleted_ends_in_the_middle_of_its_work(
    functions: Functions, tmp_path: Path
) -> None:
    name = functions.make()
    began = tmp_path / "began"
    pid = functions.invoke(name)[0]["pid"]

    with ThreadPoolExecutor() as pool:
        pool.submit(functions.invoke, name, {"meet": [str(began), str(tmp_path / "never")]})
        eventually(began.exists, waiting_for="the invocation to begin")
        functions.lambda_.delete_function(FunctionName=name)
        eventually(lambda: not Path(f"/proc/{pid}").exists(), waiting_for="its end")


def test_an_asynchronous_invocation_is_accepted_and_then_run(
    functions: Functions, function: str
) -> None:
    mark = secrets.token_hex(8)

    answer = functions.lambda_.invoke(
        FunctionName=function, InvocationType="Event", Payload=json.dumps({"say": mark})
    )

    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    eventually(lambda: f"out {mark}" in functions.logs(function), waiting_for="it to run")


def test_starting_again_counts_towards_the_time_of_the_invocation(functions: Functions) -> None:
    code = """
import os, time
mark = os.path.join(os.environ["HOME"], "mark")
if os.path.exists(mark):
    time.sleep(30)

def handler(event, context):
    open(mark, "w").close()
    os._exit(1)
"""
    name = functions.make(code, Timeout=1)
    functions.invoke(name)

    began = time.monotonic()
    answer, _ = functions.invoke(name)

    assert time.monotonic() - began < 15
    assert answer["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")


def test_a_function_that_takes_too_long_is_stopped_and_the_next_invocation_works(
    functions: Functions,
) -> None:
    name = functions.make(Timeout=1)

    began = time.monotonic()
    answer, error = functions.invoke(name, {"sleep": 30})

    assert time.monotonic() - began < 15
    assert (error, answer["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert "Task timed out after 1.00 seconds" in answer["errorMessage"]
    assert functions.invoke(name)[1] is None


def test_an_exception_has_its_type_message_and_stack(functions: Functions, function: str) -> None:
    answer, error = functions.invoke(function, {"raise": "boom"})

    assert error == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("ValueError", "boom")
    assert "function.py" in answer["stackTrace"][0]


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"handler": "missing.handler"}, "Runtime.ImportModuleError", "No module named 'missing'"),
        ({"handler": "function.missing"}, "Runtime.HandlerNotFound", "'missing' missing on"),
        ({"handler": "function"}, "Runtime.MalformedHandlerName", "Bad handler 'function'"),
        ({"code": "import nonsense"}, "Runtime.ImportModuleError", "No module named 'nonsense'"),
        ({"code": "1 +"}, "Runtime.UserCodeSyntaxError", "Syntax error in module 'function'"),
        ({"code": "raise OSError('no disk')"}, "OSError", "no disk"),
    ],
)
def test_a_function_that_can_not_start_says_why(
    functions: Functions, settings: dict[str, str], kind: str, message: str
) -> None:
    name = functions.make(**settings)

    answer, error = functions.invoke(name)

    assert (error, answer["errorType"]) == ("Unhandled", kind)
    assert message in answer["errorMessage"]
    eventually(lambda: message in functions.logs(name), waiting_for="the reason in the logs")


def test_what_is_written_to_both_streams_is_in_the_logs_in_order(functions: Functions) -> None:
    name = functions.make()
    for say in ("first", "second"):
        functions.invoke(name, {"say": say})

    logs = eventually(
        lambda: functions.logs(name),
        until=lambda text: text.count("REPORT") == 2,
        waiting_for="logs",
    )
    wanted = ("START", "out", "err", "END", "REPORT")
    lines = [line for line in logs.splitlines() if line.startswith(wanted)]
    assert [line.split()[0] for line in lines] == [*wanted, *wanted]
    assert [line for line in lines if line.startswith(("out", "err"))] == [
        "out first",
        "err first",
        "out second",
        "err second",
    ]


def test_lambda_writes_its_own_lines_in_the_format_of_the_function(functions: Functions) -> None:
    code = """
import logging
def handler(event, context):
    logging.getLogger().info("from the function")
"""
    name = functions.make(code, LoggingConfig={"LogFormat": "JSON"}, MemorySize=256)
    functions.invoke(name)

    logs = eventually(
        lambda: functions.logs(name), until=lambda text: "report" in text, waiting_for="logs"
    )
    start, own, report = [json.loads(line) for line in logs.splitlines()]
    assert (start["type"], own["message"]) == ("platform.start", "from the function")
    assert start["record"]["requestId"] == own["requestId"] == report["record"]["requestId"]
    assert (report["type"], report["record"]["status"]) == ("platform.report", "success")
    metrics = report["record"]["metrics"]
    assert metrics["memorySizeMB"] == 256
    assert 5 < metrics["maxMemoryUsedMB"] < 256
    assert metrics["initDurationMs"] > 0


def test_invocations_run_at_the_same_time(
    functions: Functions, function: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("meeting")
    one, other = str(folder / "one"), str(folder / "other")

    with ThreadPoolExecutor() as pool:
        first = pool.submit(functions.invoke, function, {"meet": [one, other]})
        second = pool.submit(functions.invoke, function, {"meet": [other, one]})

    assert (first.result()[1], second.result()[1]) == (None, None)
    assert first.result()[0]["pid"] != second.result()[0]["pid"]


def test_layers_are_on_the_path_behind_the_function_the_last_one_first(
    functions: Functions,
) -> None:
    site_packages = "python/lib/python3.13/site-packages"
    layers = [
        functions.make_layer(
            {
                "python/both.py": "NAME = 'first'",
                f"{site_packages}/first.py": "NAME = 'first'",
                "bin/program": "#!/bin/sh\necho program",
            }
        ),
        functions.make_layer({"python/both.py": "NAME = 'second'", "python/function.py": ""}),
    ]
    code = """
import subprocess
import both, first
def handler(event, context):
    return [both.NAME, first.NAME, subprocess.check_output("program", text=True)]
"""

    answer, _ = functions.invoke(functions.make(code, Layers=layers))

    assert answer == ["second", "first", "program\n"]


def test_an_event_over_6_mb_is_refused(functions: Functions, function: str) -> None:
    assert functions.invoke(function, {"padding": "x" * 6_000_000})[1] is None

    with pytest.raises(functions.lambda_.exceptions.RequestTooLargeException, match="6291456"):
        functions.invoke(function, {"padding": "x" * 6_300_000})
    with pytest.raises(functions.lambda_.exceptions.RequestTooLargeException, match="1048576"):
        functions.lambda_.invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps("x" * 1_100_000)
        )


def test_an_answer_over_6_mb_is_an_error(functions: Functions, function: str) -> None:
    answer, error = functions.invoke(function, {"answer_bytes": 5_000_000})
    assert (len(answer), error) == (5_000_000, None)

    answer, error = functions.invoke(function, {"answer_bytes": 7_000_000})
    assert (error, answer["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")


def test_a_mapping_delivers_again_only_what_failed(functions: Functions) -> None:
    code = """
def handler(event, context):
    failed = [
        record["messageId"] for record in event["Records"]
        if record["body"] == "again" and record["attributes"]["ApproximateReceiveCount"] == "1"
    ]
    print("bodies", sorted(record["body"] for record in event["Records"]))
    return {"batchItemFailures": [{"itemIdentifier": id} for id in failed]}
"""
    name = functions.make(code, Timeout=1)
    sqs = functions.client("sqs")
    queue = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "2"})["QueueUrl"]
    for body in ("fine", "again"):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    mapping = functions.map(queue, name, FunctionResponseTypes=["ReportBatchItemFailures"])

    seen = eventually(
        lambda: functions.logs(name),
        until=lambda text: text.count("again") >= 2,
        waiting_for="the failed message to come again",
    )
    functions.lambda_.delete_event_source_mapping(UUID=mapping)
    assert seen.count("fine") == 1


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, ['{"n":1.10,  "name": "wanted"}', '"quoted"', "1.10", "no JSON", '{"n": 1}']),
        ({"body": {"name": ["wanted"]}}, ['{"n":1.10,  "name": "wanted"}']),
    ],
)
def test_messages_reach_a_function_to_the_byte_filtered_or_not(
    functions: Functions, criteria: dict[str, Any], expected: list[str]
) -> None:
    code = """
def handler(event, context):
    for record in event["Records"]:
        print("body", record["body"])
"""
    name = functions.make(code)
    sqs = functions.client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    for body in ('{"n":1.10,  "name": "wanted"}', '"quoted"', "1.10", "no JSON", '{"n": 1}'):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    filters = [{"Pattern": json.dumps(criteria)}] if criteria else []
    mapping = functions.map(queue, name, FilterCriteria={"Filters": filters})

    def bodies() -> list[str]:
        lines = functions.logs(name).splitlines()
        return sorted(line.removeprefix("body ") for line in lines if line.startswith("body "))

    eventually(bodies, until=lambda seen: len(seen) >= len(expected), waiting_for="the messages")
    functions.lambda_.delete_event_source_mapping(UUID=mapping)
    assert bodies() == sorted(expected)


def test_a_batch_of_messages_fits_into_an_event(functions: Functions) -> None:
    code = """
import json
def handler(event, context):
    print("batch", len(event["Records"]), len(json.dumps(event)) < 6 * 1024 * 1024)
"""
    name = functions.make(code)
    sqs = functions.client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    for _ in range(8):
        sqs.send_message(QueueUrl=queue, MessageBody="x" * 1_000_000)
    mapping = functions.map(queue, name)

    def sizes() -> list[int]:
        lines = [line.split() for line in functions.logs(name).splitlines()]
        return [int(line[1]) for line in lines if line[::2] == ["batch", "True"]]

    eventually(sizes, until=lambda found: sum(found) == 8, waiting_for="all messages")
    functions.lambda_.delete_event_source_mapping(UUID=mapping)
    assert max(sizes()) <= 6


def test_dynamodb_answers_with_conditions(functions: Functions) -> None:
    dynamodb = functions.client("dynamodb")
    table = f"table-{secrets.token_hex(4)}"
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "1"}, "number": {"N": "1.10"}}
    condition = "attribute_not_exists(id)"
    dynamodb.put_item(TableName=table, Item=item, ConditionExpression=condition)

    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(TableName=table, Item=item, ConditionExpression=condition)
    assert dynamodb.get_item(TableName=table, Key={"id": {"S": "1"}})["Item"]["id"] == {"S": "1"}
