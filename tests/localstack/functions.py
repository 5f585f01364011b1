"""Functions that do what their event says, made in an instance."""

import io
import json
import secrets
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from mypy_boto3_lambda import LambdaClient

from event_pipelines.localstack import Instance

# What every function here may do: write its logs, and read the queues that are mapped to it.
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
RIGHTS = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "logs:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
    ],
}
HANDLER = """
import http.client, json, os, signal, subprocess, sys, tempfile, time

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
        if action == "start_child":
            code = "import time; time.sleep(600)"
            child = subprocess.Popen([sys.executable, "-c", code, value])
        if action == "read_input":
            return sys.stdin.read()
        if action == "paths":
            return [tempfile.gettempdir(), os.path.expanduser("~")]
        if action == "meet":
            mine, other = value
            open(mine, "w").close()
            while not os.path.exists(other):
                time.sleep(0.01)
        if action == "answer_half":
            connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
            path = f"/2018-06-01/runtime/invocation/{context.aws_request_id}/response"
            connection.putrequest("POST", path)
            connection.putheader("Content-Length", "1000")
            connection.endheaders(b'"half')
            os._exit(value)
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
        self._role = make_role(self.client("iam"))

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
            Role=self._role,
            Handler=handler,
            Code={"ZipFile": zipped({"function.py": code})},
            **{"Timeout": 20, **settings},
        )
        self.lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
        return name

    def make_layer(self, files: Mapping[str, str]) -> str:
        """Make a layer; give the ARN of its version."""
        return self.lambda_.publish_layer_version(
            LayerName=f"layer-{secrets.token_hex(4)}", Content={"ZipFile": zipped(files)}
        )["LayerVersionArn"]

    def map(self, queue: str, function: str, **settings: Any) -> str:
        """Have the messages of a queue, named by its URL, delivered to a function."""
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=queue, AttributeNames=["QueueArn"]
        )
        return self.lambda_.create_event_source_mapping(
            EventSourceArn=attributes["Attributes"]["QueueArn"], FunctionName=function, **settings
        )["UUID"]

    def invoke(self, name: str, event: object = None) -> tuple[Any, str | None]:
        """Invoke; give what came back, and which kind of error it is."""
        answer = self.lambda_.invoke(FunctionName=name, Payload=json.dumps(event or {}))
        return json.load(answer["Payload"]), answer.get("FunctionError")

    def logs(self, name: str) -> str:
        """Return all the function has logged."""
        logs = self.client("logs")
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return ""
        return "\n".join(event["message"].rstrip() for event in events)


def make_role(iam: Any) -> str:
    """Make a role that functions here may have; give its ARN."""
    name = f"function-{secrets.token_hex(4)}"
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=json.dumps(RIGHTS))
    return str(made["Role"]["Arn"])


def let_in(sqs: Any, url: str, arn: str, service: str) -> None:
    """Let a service send to a queue."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})


def zipped(files: Mapping[str, str]) -> bytes:
    """Zip some modules."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return archive.getvalue()
