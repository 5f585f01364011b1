"""Run functions as processes of this host, under AWS's own runtime interface client.

LocalStack decides when an execution environment starts, is used and ends, as it does for its
Docker executor; this module makes an environment a process instead of a container. The declared
architecture is not looked at: the tests package functions for the host's processor.
"""

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from host_lambda.output import Output
from host_lambda.runtime_api import Answer, Invocation, RuntimeApi

# The interpreter that has awslambdaric and boto3, and nothing else.
PYTHON = os.environ["HOST_LAMBDA_PYTHON"]
BOOTSTRAP = Path(__file__).with_name("bootstrap.py")

# Lambda allows 10: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
# Here many functions start at once on a few cores.
INIT_SECONDS = 30.0
EXITED = object()


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """Chosen by ``LAMBDA_RUNTIME_EXECUTOR=process``."""

    name = "process"

    def load(self, *_arguments: Any, **_named: Any) -> type[RuntimeExecutor]:
        """Give LocalStack the class."""
        return ProcessExecutor


class ProcessExecutor(RuntimeExecutor):
    """One execution environment: a process that serves one invocation after the other.

    A process that crashed or was stopped for taking too long is started anew by the next
    invocation, as Lambda does.
    """

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002
        super().__init__(id, function_version)
        self._environment: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._api: RuntimeApi | None = None
        self._output = Output()

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack the code and the layers."""
        for archive in _archives(function_version):
            archive.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Leave the unpacked code to LocalStack, which removes it with its archive."""

    def get_address(self) -> str:
        """Give the address of the environment."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """Give the address of LocalStack as the function sees it."""
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        """Give the address LocalStack's own bootstrap would call; here nothing does."""
        return ""

    def get_logs(self) -> str:
        """Give what the function has written since its last invocation ended."""
        return self._output.peek()

    def start(self, env_vars: dict[str, str]) -> None:
        """Start the process and wait until it asks for work.

        When that fails, the first invocation tries again and reports the error, with its logs.
        """
        self._environment = {name: str(value) for name, value in env_vars.items()}
        self._start()

    def stop(self) -> None:
        """End the environment, an invocation in it included."""
        self._end()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run one invocation and give its result with what it logged."""
        request_id = payload["invoke-id"]
        self._output.write(f"START RequestId: {request_id} Version: {self._version}\n")
        began = time.monotonic()
        failure = self._start() if self._has_ended() else None
        answer = failure or self._run(payload)
        duration = (time.monotonic() - began) * 1000
        self._output.drain()
        self._output.write(f"END RequestId: {request_id}\n")
        self._output.write(f"REPORT RequestId: {request_id}\tDuration: {duration:.2f} ms\n")
        return InvocationResult(request_id, answer.payload, answer.is_error, self._output.take())

    def _run(self, payload: dict[str, str]) -> Answer:
        assert self._api is not None
        request_id = payload["invoke-id"]
        timeout = float(self._environment["AWS_LAMBDA_FUNCTION_TIMEOUT"])
        self._api.submit(
            Invocation(
                request_id,
                payload["invoked-function-arn"],
                payload["trace-id"],
                int((time.time() + timeout) * 1000),
                payload["payload"].encode(),
            )
        )
        try:
            answer = self._api.answers.get(timeout=timeout)
        except queue.Empty:
            self._end()
            message = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
            self._output.write(f"{message}\n")
            return Answer.error("Sandbox.Timedout", message)
        return (
            answer if isinstance(answer, Answer) else self._exit_error(f"RequestId: {request_id} ")
        )

    def _start(self) -> Answer | None:
        """Start a process; an answer is the error that kept it from asking for work."""
        if self._api is not None:
            self._api.close()
        self._api = api = RuntimeApi()
        configuration = self.function_version.config
        code, *layers = [
            archive.get_unzipped_code_location() for archive in _archives(self.function_version)
        ]
        places = [str(code), *(str(layer / "python") for layer in layers)]
        written = self._output.open()
        try:
            process = subprocess.Popen(
                [PYTHON, "-I", str(BOOTSTRAP), *places, configuration.handler],
                cwd=code,
                env=self._process_environment(code, api),
                stdin=subprocess.PIPE,
                stdout=written,
                stderr=written,
                start_new_session=True,
            )
        finally:
            os.close(written)
        self._process = process
        threading.Thread(target=_watch, args=(process, api), daemon=True).start()
        try:
            first = api.answers.get(timeout=INIT_SECONDS)
        except queue.Empty:
            self._end()
            return Answer.error(
                "Sandbox.Timedout", f"Init took more than {INIT_SECONDS:.0f} seconds"
            )
        if first is RuntimeApi.READY:
            return None
        failure = first if isinstance(first, Answer) else self._exit_error("")
        self._end()
        return failure

    def _process_environment(self, code: Path, api: RuntimeApi) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "LANG": "en_US.UTF-8",
            **self._environment,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "LAMBDA_TASK_ROOT": str(code),
        }

    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _end(self) -> None:
        if self._process is not None:
            # The function may have children; they are in its process group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._api is not None:
            self._api.close()
            self._api = None

    def _exit_error(self, request: str) -> Answer:
        code = self._process.wait() if self._process else 0
        how = f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        message = f"{request}Error: Runtime exited with error: {how}"
        self._output.write(f"{message}\n")
        return Answer.error("Runtime.ExitError", message)

    @property
    def _version(self) -> str:
        return self.function_version.id.qualifier


def _archives(function_version: FunctionVersion) -> list[Any]:
    """List the code and then the layers, as they come in the search path."""
    configuration = function_version.config
    return [configuration.code, *(layer.code for layer in configuration.layers)]


def _watch(process: subprocess.Popen[bytes], api: RuntimeApi) -> None:
    """Wake up whoever waits for an answer of a process that ends without one."""
    process.wait()
    api.answers.put(EXITED)
