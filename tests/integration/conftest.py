"""Apply the root module once for all tests, and once more onto a bucket that exists already."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.integration.pipeline import Clients, Pipeline
from tests.localstack import Instance
from tools.terraform import Progress, Terraform

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "build" / "localstack"

EXISTING_BUCKET = "theirs-files"

CONSUMERS: Mapping[str, Any] = {
    "transform": {
        "package": str(PACKAGES / "transform_objects.zip"),
        "filter": {"prefixes": ["incoming/"]},
        "output": {"prefix": "processed/"},
        "environment": {"MAX_OBJECT_BYTES": "1000000"},
        "timeout": 20,
        "batching_window_seconds": 1,
    },
    "log": {
        "package": str(PACKAGES / "log_events.zip"),
        "filter": {"prefixes": ["incoming/"]},
        "timeout": 20,
    },
    "scripted": {
        "package": str(PACKAGES / "scripted.zip"),
        "filter": {"prefixes": ["scripted/"]},
        "timeout": 3,
        "max_receive_count": 2,
        "policy_statements": {
            "released": {
                "actions": ["s3:GetObject", "s3:GetObjectVersion"],
                "resources": ["arn:aws:s3:::*/released/*"],
            }
        },
    },
}

OWN_BUCKET: Mapping[str, Any] = {
    "name": "orders",
    "bucket": {"name": "orders-files", "force_destroy": True},
    "filter": {"prefixes": ["incoming/", "scripted/"]},
    "consumers": CONSUMERS,
    "alerts": {"emails": ["oncall@example.com"]},
}

ON_EXISTING_BUCKET: Mapping[str, Any] = {
    "name": "theirs",
    "bucket": {"existing": EXISTING_BUCKET},
    "consumers": {"log": {"package": str(PACKAGES / "log_events.zip")}},
}


@pytest.fixture(scope="session")
def clients(localstack: Instance) -> Clients:
    """The AWS APIs of the instance under test."""
    return Clients.of(localstack.environment)


@pytest.fixture(scope="session")
def scripted_function() -> None:
    """Package the function whose outcomes the tests decide."""
    command = [sys.executable, "-m", "tools.package", "--architecture", "host"]
    source = Path(__file__).parent / "functions"
    command += ["--source", str(source), "--output", str(PACKAGES), "scripted"]
    subprocess.run(command, check=True, cwd=ROOT)


@pytest.fixture(scope="session")
def demonstration(localstack: Instance) -> Iterator[subprocess.Popen[str]]:
    """Start what `make demo` runs, beside the stacks of the tests."""
    environment = {**os.environ, **localstack.environment, "COLUMNS": "200"}
    environment.pop("KEEP", None)
    with subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield process
        process.kill()


@pytest.fixture(scope="session")
def applying(
    demonstration: subprocess.Popen[str],
    localstack: Instance,
    clients: Clients,
    scripted_function: None,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[Mapping[str, Future[Terraform]]]:
    """Apply both stacks side by side; most of an apply is waiting. Destroy them in the end."""
    clients.s3.create_bucket(Bucket=EXISTING_BUCKET)
    stacks = [
        Terraform(
            ROOT,
            tmp_path_factory.mktemp(variables["name"]),
            localstack.environment,
            variables,
            reporter(pytestconfig, variables["name"]),
        )
        for variables in (OWN_BUCKET, ON_EXISTING_BUCKET)
    ]
    for stack in stacks:
        stack.init()
    with ThreadPoolExecutor() as pool:
        started = {str(stack.variables["name"]): pool.submit(apply, stack) for stack in stacks}
        yield started
        for destroyed in [pool.submit(destroy, stack) for stack in stacks]:
            destroyed.result()


@pytest.fixture(scope="session")
def root_module(applying: Mapping[str, Future[Terraform]]) -> Terraform:
    """The root module, applied with a bucket of its own."""
    return applying["orders"].result()


@pytest.fixture(scope="session")
def on_existing_bucket(applying: Mapping[str, Future[Terraform]]) -> Terraform:
    """The root module, applied to a bucket that somebody else owns."""
    return applying["theirs"].result()


@pytest.fixture(scope="session")
def pipeline(root_module: Terraform, clients: Clients) -> Pipeline:
    """The applied pipeline that most tests drive."""
    return Pipeline(root_module.outputs(), clients)


def apply(terraform: Terraform) -> Terraform:
    """Apply a configuration, and give it back."""
    terraform.apply()
    return terraform


def destroy(terraform: Terraform) -> None:
    """Destroy what was applied, also where the apply came only half way."""
    if terraform.resources():
        terraform.destroy()
    assert terraform.resources() == []


def reporter(config: pytest.Config, name: str) -> Callable[[Progress], None]:
    """Make a function that shows each finished resource, past pytest's capture of output."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    assert terminal is not None
    assert capture is not None

    def report(progress: Progress) -> None:
        counted = f"{progress.done}/{progress.total}"
        with capture.global_and_fixture_disabled():
            terminal.write_line(f"  {name}: {counted} {progress.action} {progress.resource}")

    return report
