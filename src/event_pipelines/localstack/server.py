"""Start LocalStack, wait until it is ready, and stop it in any case."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from event_pipelines.installation import SOURCES
from event_pipelines.localstack.environments import HERE, LAMBDA_RUNTIME, LOCALSTACK, set_up

IMAGE = "localstack/localstack:4.14.0"
REGION = "us-east-1"
READY_SECONDS = 120
STOP_SECONDS = 15
KEPT_LOG = Path("build") / "localstack.log"
ACCESS_RECORDING = "access.jsonl"
_PORT_IN_CONTAINER = 4566

# Settings for the embedded LocalStack and for Docker.
_COMMON_SETTINGS = {
    # The provider accepts only queue URLs of the form host/account/name.
    "SQS_ENDPOINT_STRATEGY": "off",
    # No telemetry.
    "DISABLE_EVENTS": "1",
    # A failed asynchronous invocation would otherwise be retried after one and two minutes.
    "LAMBDA_RETRY_BASE_DELAY": "1",
    # An idle queue would otherwise be polled every ten seconds.
    "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.1",
    "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "0.5",
    # Longer than the executor waits for a function, so that the executor reports the timeout.
    "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "60",
}

# Sends requests without a proxy, even if the environment configures one.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LocalStackError(Exception):
    """LocalStack isn't available; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A LocalStack instance that is ready.

    Attributes
    ----------
    endpoint_url
        The endpoint of all AWS APIs. With an IP address, SDKs use path-style addressing for S3.
    log
        The log of an embedded instance; None for Docker and for a URL.
    access_recording
        The decisions of its access guard, for `aws_rules.recording`; likewise.
    is_temporary
        Whether it was started here, and ends with what is in it.
    """

    endpoint_url: str
    log: Path | None = field(default=None, compare=False)
    access_recording: Path | None = field(default=None, compare=False)
    is_temporary: bool = field(default=True, compare=False)

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables for a process that uses this instance only."""
        settings = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if any(os.environ.get(name) for name in ("HTTP_PROXY", "http_proxy")):
            # A proxy can't reach the loopback interface of this host.
            for name in ("NO_PROXY", "no_proxy"):
                hosts = [os.environ.get(name, ""), urlsplit(self.endpoint_url).hostname or ""]
                settings[name] = ",".join(filter(None, hosts))
        return settings

    def keep_log(self) -> None:
        """Keep the instance's log after a failure, and print its path."""
        if self.log is not None:
            KEPT_LOG.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.log, KEPT_LOG)
            print(f"localstack: its output is in {KEPT_LOG}", file=sys.stderr, flush=True)


@contextmanager
def running(kind: str | None = None) -> Iterator[Instance]:
    """Yield a LocalStack instance that is ready, and stop it afterwards if this started it.

    Parameters
    ----------
    kind
        ``embedded``, ``docker`` or a URL; by default the value of the variable LOCALSTACK.

    Raises
    ------
    LocalStackError
        It can't be started or reached.
    """
    kind = kind or os.environ.get("LOCALSTACK") or "embedded"
    if kind == "embedded":
        with _embedded() as instance:
            yield instance
    elif kind == "docker":
        with _in_docker() as instance:
            yield instance
    elif kind.startswith(("http://", "https://")):
        instance = Instance(kind.rstrip("/"), is_temporary=False)
        if not _is_ready(instance):
            raise LocalStackError(f"LOCALSTACK={kind}: no LocalStack responds at this address")
        yield instance
    else:
        raise LocalStackError(f"LOCALSTACK={kind}: it must be embedded, docker, or a URL")


@contextmanager
def _embedded() -> Iterator[Instance]:
    set_up()
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="localstack-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        instance = Instance(
            f"http://127.0.0.1:{port}", folder / "localstack.log", folder / ACCESS_RECORDING
        )
        with _process(port, folder) as process:
            try:
                _wait_until_ready(instance, process)
                yield instance
            except Exception:
                instance.keep_log()
                raise


@contextmanager
def _process(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "localstack.log").open("wb") as output:
        process = subprocess.Popen(
            [LOCALSTACK / "bin" / "python", "-m", "host_lambda.launch", folder],
            env=_settings(port, folder),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Not part of the terminal's process group: on Ctrl-C, the tests stop it.
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _settings(port: int, folder: Path) -> dict[str, str]:
    """Configure LocalStack to use its own folder and port, and to work without Docker."""
    for name in ("tmp", "cache", "root"):
        (folder / name).mkdir()
    # The service catalog, which the first instance computes for all later ones.
    shared = folder / "root" / "var" / "lib" / "localstack" / "cache"
    shared.parent.mkdir(parents=True)
    (LOCALSTACK / "cache").mkdir(exist_ok=True)
    shared.symlink_to(LOCALSTACK / "cache")
    # AWS's rules alone: what else is installed beside them isn't for LocalStack.
    rules = folder / "imports" / "aws_rules"
    rules.parent.mkdir()
    rules.symlink_to(SOURCES / "aws_rules")
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join(map(str, (HERE / "plugin", rules.parent))),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "LOCALSTACK_HOST": f"127.0.0.1:{port}",
        "FILESYSTEM_ROOT": str(folder / "root"),
        "S3_DIR": str(folder / "s3"),
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        # Otherwise it may mistake the host for its container, and clear a shared folder.
        "OVERRIDE_IN_DOCKER": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "HOST_LAMBDA_PYTHON": str(LAMBDA_RUNTIME / "bin" / "python"),
        "PROVIDER_OVERRIDE_DYNAMODB": "moto",
        "ACCESS_RECORDING": str(folder / ACCESS_RECORDING),
        **_COMMON_SETTINGS,
    }


@contextmanager
def _in_docker() -> Iterator[Instance]:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "info"], check=False, capture_output=True).returncode
    ):
        raise LocalStackError(
            "LOCALSTACK=docker: no Docker engine responds. Start one, or omit LOCALSTACK "
            "to run LocalStack as a process on this host."
        )
    port = _free_port()
    name = f"localstack-{port}"
    try:
        started = subprocess.run(
            docker_command(docker, name, port), check=False, stdout=subprocess.DEVNULL
        )
        if started.returncode:
            raise LocalStackError(f"LOCALSTACK=docker: {IMAGE} can't be started")
        instance = Instance(f"http://127.0.0.1:{port}")
        _wait_until_ready(instance)
        yield instance
    finally:
        # If it is stopped rather than killed, it removes the functions' containers too.
        stop = [docker, "stop", f"--time={STOP_SECONDS}", name]
        subprocess.run(stop, check=False, capture_output=True)
        subprocess.run([docker, "rm", "--force", name], check=False, capture_output=True)


def docker_command(docker: str, name: str, port: int) -> list[str]:
    """Build the command that starts the LocalStack image.

    It runs functions in containers, for which it needs the engine's socket.
    """
    return [
        docker,
        "run",
        "--detach",
        "--rm",
        f"--name={name}",
        f"--publish=127.0.0.1:{port}:{_PORT_IN_CONTAINER}",
        "--volume=/var/run/docker.sock:/var/run/docker.sock",
        f"--env=LOCALSTACK_HOST=127.0.0.1:{port}",
        *(f"--env={setting}={value}" for setting, value in _COMMON_SETTINGS.items()),
        IMAGE,
    ]


def _wait_until_ready(instance: Instance, process: subprocess.Popen[bytes] | None = None) -> None:
    began = time.monotonic()
    shown = False
    while not _is_ready(instance):
        seconds = time.monotonic() - began
        if process is not None and process.poll() is not None:
            raise LocalStackError(
                f"LocalStack ended with code {process.returncode}{_tail(instance.log)}"
            )
        if seconds > READY_SECONDS:
            raise LocalStackError(
                f"LocalStack is not ready after {READY_SECONDS} s{_tail(instance.log)}"
            )
        if sys.stderr.isatty():
            print(f"\rlocalstack: starting, {seconds:.0f} s ", end="", file=sys.stderr, flush=True)
            shown = True
        time.sleep(0.2)
    seconds = time.monotonic() - began
    start = "\r" if shown else ""
    print(
        f"{start}localstack: ready at {instance.endpoint_url} after {seconds:.0f} s",
        file=sys.stderr,
    )


def _is_ready(instance: Instance) -> bool:
    try:
        url = f"{instance.endpoint_url}/_localstack/health"
        with _DIRECTLY.open(url, timeout=5) as answer:
            return "services" in json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tail(log: Path | None) -> str:
    if log is None:
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
    return ". Its last log lines:\n" + "\n".join(lines)
