"""Functions as processes of this host: what Lambda promises, and says when they fail."""

import io
import json
import secrets
import time
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from mypy_boto3_lambda import LambdaClient

from tests.integration.waiting import eventually
from tests.localstack import Instance

pytestmark = pytest.mark.integration

ROLE = "arn:aws:iam::000000000000:role/function"
HANDLER = """
import json, os, signal, sys, time
started = time.time()

def handler(event, context):
    print("out", event.get("say"))
    print("err", event.get("say"), file=sys.stderr)
    for action, value in event.items():
        if action == "exit":
            os._exit(value)
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if action == "sleep":
            time.sleep(value)
        if action == "raise":
            raise ValueError(value)
        if action == "answer_bytes":
            return "x" * value
        if action == "import":
            return {name: _can_import(name) for name in value}
        if action == "meet":
            mine, other = value
            open(mine, "w").close()
            while not os.path.exists(other):
                time.sleep(0.01)
    return {
        "pid": os.getpid(),
        "left": context.get_remaining_time_in_millis(),
        "memory": context.memory_limit_in_mb,
        "environment": dict(os.environ),
    }

def _can_import(name):
    try:
        __import__(name)
    except ImportError:
        return False
    return True
"""


class Functions:
    """Makes functions in an instance and invokes them."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.lambda_: LambdaClient = self.client("lambda")

    def client(self, service: str) -> Any:
        """Make a client for the instance."""
        environment = self._instance.environment
        make: Callable[..., Any] = boto3.client
        return make(
            service,
            endpoint_url=self._instance.endpoint_url,
            region_name=environment["AWS_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )

    def make(self, code: str = HANDLER, handler: str = "function.handler", **settings: Any) -> str:
        """Make a function of one module; give its name once it can be invoked."""
        name = f"test-{secrets.token_hex(4)}"
        self.lambda_.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler=handler,
            Code={"ZipFile": zipped({"function.py": code})},
            **{"Timeout": 20, **settings},
        )
        self.lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
        return name

    def invoke(self, name: str, event: object = None) -> tuple[Any, str | None]:
        """Invoke; give what came back, and which kind of error it is."""
        answer = self.lambda_.invoke(FunctionName=name, Payload=json.dumps(event or {}))
        return json.load(answer["Payload"]), answer.get("FunctionError")

    def logs(self, name: str) -> str:
        """Give all the function has logged."""
        logs = self.client("logs")
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return ""
        return "\n".join(event["message"].rstrip() for event in events)


def zipped(files: Mapping[str, str]) -> bytes:
    """Zip some modules."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return archive.getvalue()


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


def test_a_warm_function_is_the_same_process(functions: Functions, function: str) -> None:
    assert functions.invoke(function)[0]["pid"] == functions.invoke(function)[0]["pid"]


@pytest.mark.parametrize(
    ("event", "how"), [({"exit": 3}, "exit status 3"), ({"kill": 1}, "signal: SIGKILL")]
)
def test_a_crash_is_reported_and_the_next_invocation_works(
    functions: Functions, function: str, event: dict[str, int], how: str
) -> None:
    before = functions.invoke(function)[0]["pid"]

    answer, error = functions.invoke(function, event)

    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert answer["errorMessage"].endswith(f"Error: Runtime exited with error: {how}")
    assert functions.invoke(function)[0]["pid"] != before


def test_a_function_that_takes_too_long_is_stopped_and_the_next_invocation_works(
    functions: Functions,
) -> None:
    name = functions.make(Timeout=1)

    began = time.monotonic()
    answer, error = functions.invoke(name, {"sleep": 30})

    assert time.monotonic() - began < 5
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


def test_layers_are_on_the_path_behind_the_function(functions: Functions) -> None:
    layer = functions.lambda_.publish_layer_version(
        LayerName=f"layer-{secrets.token_hex(4)}",
        Content={
            "ZipFile": zipped({"python/from_layer.py": "NAME = 'layer'", "python/function.py": ""})
        },
    )["LayerVersionArn"]
    code = "import from_layer\ndef handler(event, context): return from_layer.NAME"

    assert functions.invoke(functions.make(code, Layers=[layer])) == ("layer", None)


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
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    mapping = functions.lambda_.create_event_source_mapping(
        EventSourceArn=arn["QueueArn"],
        FunctionName=name,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )["UUID"]

    seen = eventually(
        lambda: functions.logs(name),
        until=lambda text: text.count("again") >= 2,
        waiting_for="the failed message to come again",
    )
    functions.lambda_.delete_event_source_mapping(UUID=mapping)
    assert seen.count("fine") == 1


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
