"""Apply the root module, in three pipelines, and every example: all at once, once for all tests."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from event_pipelines.localstack import Instance
from event_pipelines.terraform import Terraform
from tests.integration.changes import change
from tests.integration.clone import TARGETS, Clone
from tests.integration.configurations import (
    EXAMPLES,
    PACKAGES,
    PIPELINES,
    ROOT,
    SECOND_CONSUMERS,
)
from tests.integration.output import reporter, teller
from tests.integration.pipeline import AppliedPipeline, Clients
from tests.integration.release import Upgrade
from tests.integration.repository import Repository
from tests.integration.stacks import (
    Stacks,
    beginnings,
    second_consumer,
    with_buckets,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with tests that drive no stack, but have all begun: others run while they come up."""

    def turn(item: pytest.Item) -> int:
        if item.get_closest_marker("last"):
            return 2
        marks = list(item.iter_markers("applies"))
        return int(not marks or any(mark.args for mark in marks))

    items.sort(key=turn)


@pytest.fixture(scope="session")
def clients(localstack: Instance) -> Clients:
    """The AWS APIs of the instance under test."""
    return Clients.of(localstack.environment)


@pytest.fixture(scope="session")
def scripted_function() -> None:
    """Package the function whose outcomes the tests decide."""
    command = [
        sys.executable,
        "-m",
        "event_pipelines",
        "package",
        "--architecture",
        "host",
    ]
    source = Path(__file__).parent / "functions"
    command += ["--source", str(source), "--output", str(PACKAGES), "scripted"]
    subprocess.run(command, check=True, cwd=ROOT)


@pytest.fixture(scope="session")
def demonstration(localstack: Instance) -> Iterator[subprocess.Popen[str]]:
    """Start what `make demo` runs, beside the stacks of the tests."""
    told = subprocess.run(
        ["make", "--dry-run", "demo"], check=True, cwd=ROOT, capture_output=True, text=True
    )
    environment = {
        **os.environ,
        **localstack.environment,
        "COLUMNS": "200",
        "LOCALSTACK": localstack.endpoint_url,
    }
    environment.pop("KEEP", None)
    with subprocess.Popen(
        shlex.split(told.stdout.splitlines()[-1]),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield process
        process.kill()


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """Start to run the targets of `make help` in a clone: there is time while stacks come up."""
    made = Clone(tmp_path_factory.mktemp("clone"))
    made.make()
    made.start(TARGETS)
    yield made
    made.end()


@pytest.fixture(scope="session")
def repository(localstack: Instance, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Start to make and use a consumer's own repository."""
    environment = {**localstack.environment, "LOCALSTACK": localstack.endpoint_url}
    made = Repository(tmp_path_factory.mktemp("repository"), environment)
    made.start()
    return made


@pytest.fixture(scope="session")
def stacks(
    request: pytest.FixtureRequest,
    localstack: Instance,
    clients: Clients,
    scripted_function: None,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[Stacks]:
    """Begin to apply what the selected tests say they drive; destroy it in the end."""
    needed = {
        name
        for item in request.session.items
        for mark in item.iter_markers("applies")
        for name in mark.args
    }
    for name in {"clone", "demonstration", "repository"} & needed:
        request.getfixturevalue(name)
    started = Stacks(
        localstack.environment,
        tmp_path_factory.mktemp("stacks"),
        lambda name: reporter(pytestconfig, name),
    )
    for name, variables in PIPELINES.items():
        if name in needed:
            variables_of: Callable[[], Mapping[str, Any]] = partial(dict, variables)
            if name == "theirs":
                variables_of = partial(with_buckets, clients, variables)
            started.start(name, ROOT, variables_of)
    if "release" in needed:
        started.upgrade("release", Upgrade(tmp_path_factory.mktemp("upgrade")))
    for name, variables in EXAMPLES.items():
        if name in needed:
            started.start(name, ROOT / "examples" / name, partial(dict, variables))
    for name, account in SECOND_CONSUMERS.items():
        if name in needed:
            variables_of = partial(second_consumer, started, name)
            folder = ROOT / "examples" / "buffered" / "second-consumer"
            started.start(name, folder, variables_of, account)
    if "changed" in needed:
        started.run(partial(change, started, clients, tmp_path_factory.mktemp("changes")))
    for name, beginning in beginnings(request.session.items):
        started.begin(name, beginning, clients)
    yield started
    started.destroy()


@pytest.fixture(scope="session")
def root_module(stacks: Stacks) -> Terraform:
    """The root module, applied with a bucket of its own."""
    return stacks["orders"]


@pytest.fixture(scope="session")
def on_existing_bucket(stacks: Stacks) -> Terraform:
    """The root module, applied to a bucket that somebody else owns."""
    return stacks["theirs"]


@pytest.fixture(scope="session")
def pipeline(root_module: Terraform, clients: Clients) -> AppliedPipeline:
    """The applied pipeline that most tests drive."""
    return AppliedPipeline(root_module.outputs(), clients)


@pytest.fixture
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Show a line while the tests run."""
    return teller(pytestconfig)
