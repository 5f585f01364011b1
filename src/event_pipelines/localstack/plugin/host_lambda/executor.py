"""Run functions as processes on this host, with AWS's own runtime interface client.

LocalStack decides when an execution environment starts, is used and ends, as for its Docker
executor; here an environment is a process instead of a container. The declared architecture is
ignored: the tests package functions for the host's architecture.
"""

import os
import queue
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from host_lambda import system_log
from host_lambda.output import Output
from host_lambda.process import FunctionProcess
from host_lambda.runtime_api import Answer, Invocation, RuntimeApi

# The interpreter that has awslambdaric and boto3, and nothing else.
PYTHON = os.environ["HOST_LAMBDA_PYTHON"]
BOOTSTRAP = Path(__file__).with_name("bootstrap.py")

# Lambda allows 10: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
# Here many functions start at once on a few cores.
INIT_SECONDS = 30.0

STATUS_OF_ERROR = {"Sandbox.Timedout": "timeout", "Runtime.ExitError": "failure"}


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """Selected by ``LAMBDA_RUNTIME_EXECUTOR=process``."""

    name = "process"

    def load(self, *_arguments: Any, **_named: Any) -> type[RuntimeExecutor]:
        """Return the class to LocalStack."""
        return ProcessExecutor


class ProcessExecutor(RuntimeExecutor):
    """One execution environment: a process that serves one invocation after the other.

    As on Lambda, the next invocation restarts a process that crashed or timed out, within its own
    timeout.
    """

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002
        super().__init__(id, function_version)
        self._environment: dict[str, str] = {}
        self._process: FunctionProcess | None = None
        self._api: RuntimeApi | None = None
        self._output = Output()
        self._init_ms: float | None = None
        # Replaces /tmp and the home folder on Lambda.
        self._scratch = Path(tempfile.mkdtemp(prefix="environment-"))

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack the code and the layers."""
        configuration = function_version.config
        for archive in (configuration.code, *(layer.code for layer in configuration.layers)):
            archive.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Do nothing: LocalStack removes the unpacked code with its archive."""

    def get_address(self) -> str:
        """Return the address of the environment."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """Return the address of LocalStack as the function sees it."""
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        """Return the address for LocalStack's own bootstrap, which is not used here."""
        return ""

    def get_logs(self) -> str:
        """Return what the function has written since its last invocation ended."""
        return self._output.peek()

    def start(self, env_vars: dict[str, str]) -> None:
        """Start the process and wait until it requests an invocation.

        If that fails, the first invocation retries it and reports the error with the logs.
        """
        self._environment = {name: str(value) for name, value in env_vars.items()}
        began = time.monotonic()
        failure = self._start(INIT_SECONDS)
        milliseconds = (time.monotonic() - began) * 1000
        if failure is None:
            self._init_ms = milliseconds
        elif failure.error_type == "Sandbox.Timedout":
            self._output.write(
                f"INIT_REPORT Init Duration: {milliseconds:.2f} ms\tPhase: init\tStatus: timeout\n"
            )

    def stop(self) -> None:
        """Terminate the environment, including a running invocation."""
        self._end()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run one invocation and return its result and logs."""
        request_id = payload["invoke-id"]
        timeout = float(self._environment["AWS_LAMBDA_FUNCTION_TIMEOUT"])
        as_json = self._environment.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
        version = self.function_version.id.qualifier
        self._output.write(system_log.start(request_id, version, as_json=as_json))

        began = time.monotonic()
        # The remaining time of an invocation is computed from the wall clock, not `monotonic`.
        deadline_ms = int((time.time() + timeout) * 1000)
        answer = self._start(timeout) if self._has_ended() else None
        if answer is None:
            answer = self._run(payload, deadline_ms, timeout - (time.monotonic() - began))
        duration_ms = (time.monotonic() - began) * 1000
        peak_memory_mb = self._process.peak_memory_mb if self._process else 0
        if answer.error_type == "Sandbox.Timedout":
            message = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
            self._output.write(f"{message}\n")
            self._end()
            answer = Answer.error(answer.error_type, message)

        self._output.drain()
        report = system_log.Report(
            request_id=request_id,
            status=STATUS_OF_ERROR.get(
                answer.error_type, "error" if answer.is_error else "success"
            ),
            duration_ms=duration_ms,
            memory_mb=self.function_version.config.memory_size,
            peak_memory_mb=peak_memory_mb,
            init_ms=self._init_ms,
        )
        self._init_ms = None
        self._output.write(system_log.end(report, as_json=as_json))
        return InvocationResult(request_id, answer.payload, answer.is_error, self._output.take())

    def _run(self, payload: dict[str, str], deadline_ms: int, seconds: float) -> Answer:
        assert self._api is not None
        self._api.submit(
            Invocation(
                payload["invoke-id"],
                payload["invoked-function-arn"],
                payload["trace-id"],
                deadline_ms,
                payload["payload"].encode(),
            )
        )
        answer = self._wait(self._api, seconds)
        if isinstance(answer, Answer):
            return answer
        return self._exit_error(f"RequestId: {payload['invoke-id']} ")

    def _start(self, seconds: float) -> Answer | None:
        """Start a process; the result is the error if it didn't request an invocation."""
        self._end()
        self._api = api = RuntimeApi()
        configuration = self.function_version.config
        code = configuration.code.get_unzipped_code_location()
        layers = [layer.code.get_unzipped_code_location() for layer in configuration.layers]
        written = self._output.open()
        try:
            self._process = FunctionProcess(
                [PYTHON, "-I", BOOTSTRAP, *import_paths(code, layers), configuration.handler],
                folder=code,
                environment={
                    **search_paths(code, layers),
                    "LANG": "en_US.UTF-8",
                    "HOME": str(self._scratch),
                    "TMPDIR": str(self._scratch),
                    **self._environment,
                    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
                    "AWS_LAMBDA_RUNTIME_API": api.address,
                    "LAMBDA_TASK_ROOT": str(code),
                },
                output=written,
                on_exit=lambda: api.answers.put(RuntimeApi.EXITED),
            )
        finally:
            os.close(written)
        first = self._wait(api, seconds)
        if first is RuntimeApi.READY:
            return None
        failure = first if isinstance(first, Answer) else self._exit_error("")
        self._end()
        return failure

    def _wait(self, api: RuntimeApi, seconds: float) -> object:
        try:
            return api.answers.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return Answer.error("Sandbox.Timedout", f"no response within {seconds:.2f} seconds")

    def _has_ended(self) -> bool:
        return self._process is None or self._process.has_ended

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
        if self._api is not None:
            self._api.close()
            self._api = None

    def _exit_error(self, request: str) -> Answer:
        assert self._process is not None
        code = self._process.wait()
        how = f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        message = f"{request}Error: Runtime exited with error: {how}"
        self._output.write(f"{message}\n")
        return Answer.error("Runtime.ExitError", message)


def import_paths(code: Path, layers: list[Path]) -> list[str]:
    """List the import paths of a function: its own code, then the layers, the last one first.

    Lambda unpacks the layers over one another in the order they are listed, so a file of a later
    layer hides that of an earlier one:
    https://docs.aws.amazon.com/lambda/latest/dg/adding-layers.html
    """
    places = [code]
    for layer in reversed(layers):
        places += [layer / "python" / "lib" / "python3.13" / "site-packages", layer / "python"]
    return [str(place) for place in places]


def search_paths(code: Path, layers: list[Path]) -> dict[str, str]:
    """Return PATH and LD_LIBRARY_PATH with the function and its layers.

    https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
    """
    reverse = list(reversed(layers))
    programs = [*(str(layer / "bin") for layer in reverse), os.defpath]
    libraries = [code, code / "lib", *(layer / "lib" for layer in reverse)]
    return {"PATH": ":".join(programs), "LD_LIBRARY_PATH": ":".join(map(str, libraries))}
