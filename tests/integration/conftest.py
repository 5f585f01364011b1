"""Apply the root module, in three pipelines, and every example: all at once, once for all tests."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from demo.pipeline import demonstrations
from tests.integration.clone import TARGETS, Clone
from tests.integration.pipeline import Clients, Pipeline
from tests.integration.release import Upgrade
from tools.localstack import Instance
from tools.running_provider import running_provider
from tools.terraform import Progress, Terraform

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "build" / "localstack"

EXISTING_BUCKET = "theirs-files"
OUTPUT_BUCKET = "theirs-output"

# In place of a key's ARN: the fixture makes one, whose policy is what the configuration asks for.
OWN_KEY = "made by the fixture"
# Any key will do to ask a configuration what its key's policy has to be.
ANY_KEY = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"

RELEASED: Mapping[str, Any] = {
    "released": {
        "actions": ["s3:GetObject"],
        "resources": ["arn:aws:s3:::*/released/*"],
    }
}

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
        "reads_files": False,
        "timeout": 20,
    },
    "fragile": {
        "package": str(PACKAGES / "transform_objects.zip"),
        "filter": {"prefixes": ["fragile/"]},
        "output": {"prefix": "fragile-processed/"},
        "timeout": 3,
        "max_receive_count": 50,
    },
    "guarded": {
        "package": str(PACKAGES / "scripted.zip"),
        "filter": {"prefixes": ["guarded/"]},
        "timeout": 5,
        "max_receive_count": 50,
        "circuit_breaker": True,
        "policy_statements": RELEASED,
    },
    "scripted": {
        "package": str(PACKAGES / "scripted.zip"),
        "filter": {"prefixes": ["scripted/"]},
        "output": {"prefix": "scripted-output/"},
        "timeout": 3,
        "max_receive_count": 2,
        "policy_statements": RELEASED,
    },
}

OWN_BUCKET: Mapping[str, Any] = {
    "name": "orders",
    "kms_key_arn": OWN_KEY,
    "bucket": {"name": "orders-files", "force_destroy": True},
    "filter": {"prefixes": ["fragile/", "guarded/", "incoming/", "scripted/"]},
    "ledger": {"deletion_protection": False},
    "circuit_breaker": {
        "package": str(PACKAGES / "circuit_breaker.zip"),
        "cool_down_seconds": 86400,
    },
    "alarms": {"disabled": ["oldest_message_age", "function_errors", "function_throttles"]},
    "consumers": {
        name: {"circuit_breaker": False, **consumer} for name, consumer in CONSUMERS.items()
    },
    "alerts": {"emails": ["oncall@example.com"]},
}

ON_EXISTING_BUCKET: Mapping[str, Any] = {
    "name": "theirs",
    "bucket": {"existing": EXISTING_BUCKET, "kms_key_arn": OWN_KEY},
    "consumers": {
        "log": {"package": str(PACKAGES / "log_events.zip"), "reads_files": False},
        "transform": {
            "package": str(PACKAGES / "transform_objects.zip"),
            "filter": {"prefixes": ["incoming/"]},
            "output": {"bucket": OUTPUT_BUCKET, "prefix": "processed/", "kms_key_arn": OWN_KEY},
        },
    },
}

# Consumers of which no two want one file, so that every route can serve them.
ROUTES: Mapping[str, Any] = {
    "name": "routes",
    "kms_key_arn": OWN_KEY,
    "bucket": {"name": "routes-files", "force_destroy": True},
    "filter": {"events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]},
    "alarms": {"disabled": ["oldest_message_age", "function_errors", "function_throttles"]},
    "consumers": {
        name: {
            "package": str(PACKAGES / "log_events.zip"),
            "filter": wanted,
            "reads_files": False,
        }
        for name, wanted in {
            "copied": {"prefixes": ["copies/"], "events": ["s3:ObjectCreated:Copy"]},
            "prefixed": {
                "prefixes": ["in/", "my files/é+&=*~/"],
                "events": ["s3:ObjectCreated:*"],
            },
            "removed": {"prefixes": ["copies/"], "events": ["s3:ObjectRemoved:*"]},
            "sized": {"prefixes": ["sized/"], "min_bytes": 10, "max_bytes": 100},
            "suffixed": {"prefixes": ["by suffix/"], "suffixes": [".json", " report.csv"]},
        }.items()
    },
}

# What a test does first: it gets the pipeline, and what closes again what it opens.
type Beginning = Callable[[Pipeline, ExitStack], object]

PIPELINES = {"orders": OWN_BUCKET, "theirs": ON_EXISTING_BUCKET, "routes": ROUTES}


def _example(name: str, **variables: object) -> Mapping[str, Any]:
    """Give the variables that `make example` sets, and more where a test needs them."""
    return {**demonstrations()[name].variables, **variables}


ANOTHER_ACCOUNT = "222222222222"
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "buffered": _example("buffered", subscriber_accounts=[ANOTHER_ACCOUNT]),
    "eventbridge": _example("eventbridge"),
    "fan-out": _example("fan-out"),
    "load-dynamodb": _example("load-dynamodb", kms_key_arn=OWN_KEY),
    "queue-direct": _example("queue-direct", emails=["oncall@example.com"]),
}
# Two configurations that know no more of `buffered` than its topic's ARN, and their accounts.
SECOND_CONSUMERS = {"second-here": None, "second-elsewhere": ANOTHER_ACCOUNT}

# What a release has applied is in an account of its own, apart from what other tests look at.
UPGRADED_ACCOUNT = "333333333333"


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
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """Start to run the targets of `make help` in a clone: there is time while stacks come up."""
    made = Clone(tmp_path_factory.mktemp("clone"))
    made.make()
    made.start(TARGETS)
    yield made
    made.end()


@dataclass(frozen=True)
class Stacks:
    """Configurations applied side by side: most of an apply is waiting.

    Attributes
    ----------
    environment
        The instance they are applied in.
    folder
        Where each has its state.
    report
        Makes what is told of a stack's progress.
    """

    environment: Mapping[str, str]
    folder: Path
    report: Callable[[str], Callable[[Progress], None]]
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=32))
    applying: dict[str, Future[Terraform]] = field(default_factory=dict)
    made: list[Terraform] = field(default_factory=list)
    begun: dict[Beginning, Future[Any]] = field(default_factory=dict)
    cleanup: ExitStack = field(default_factory=ExitStack)
    providers: ExitStack = field(default_factory=ExitStack)

    def start(
        self,
        name: str,
        configuration: Path,
        variables: Callable[[], Mapping[str, Any]],
        account: str | None = None,
    ) -> None:
        """Begin to apply a configuration, in an account of its own if one is named.

        What its variables are is asked for in the background: they may be the outputs of another.
        """
        environment = dict(self.environment)
        if account is not None:
            # LocalStack takes an access key of twelve digits for the account.
            environment["AWS_ACCESS_KEY_ID"] = account

        def apply() -> Terraform:
            work = self.folder / name
            stack = Terraform(configuration, work, environment, variables(), self.report(name))
            stack.init()
            # One of its own: what a command has configured in a provider, the next one finds there.
            running = running_provider(work / "data", environment)
            provider = self.providers.enter_context(running)
            stack = replace(stack, environment={**environment, **provider})
            if stack.variables.get("kms_key_arn") == OWN_KEY:
                stack = with_key(stack)
            self.made.append(stack)
            stack.apply()
            return stack

        self.applying[name] = self.pool.submit(apply)

    def begin(self, name: str, beginning: Beginning, clients: Clients) -> None:
        """Have a test begun as soon as a stack is up: what it waits for takes a minute."""

        def begin() -> object:
            return beginning(Pipeline(self[name].outputs(), clients), self.cleanup)

        self.begun[beginning] = self.pool.submit(begin)

    def __getitem__(self, name: str) -> Terraform:
        """Wait until a configuration is applied, and give it."""
        return self.applying[name].result()

    def destroy(self) -> None:
        """Destroy all of them, also what came only half way, and see that nothing is left."""
        self.cleanup.close()
        with self.providers:
            for destroyed in [self.pool.submit(destroy, stack) for stack in reversed(self.made)]:
                destroyed.result()


def with_key(stack: Terraform) -> Terraform:
    """Make a key whose policy is that of the account and what the configuration's output says."""
    variables = {**stack.variables, "kms_key_arn": ANY_KEY}
    planned = replace(stack, variables=variables).plan()["planned_values"]["outputs"]
    root = {"AWS": "arn:aws:iam::000000000000:root"}
    account = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    statements = [account, *planned["kms_key_statements"]["value"]]
    key = Clients.of(stack.environment).kms.create_key(
        Description=str(stack.variables["name"]),
        Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}),
    )
    return replace(stack, variables={**variables, "kms_key_arn": key["KeyMetadata"]["Arn"]})


def with_buckets(clients: Clients, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Make the buckets of somebody else, whose files are under a key of theirs."""
    arn = clients.kms.create_key(Description=EXISTING_BUCKET)["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    for bucket in (EXISTING_BUCKET, OUTPUT_BUCKET):
        clients.s3.create_bucket(Bucket=bucket)
        rule: Any = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
        clients.s3.put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]}
        )
    named: dict[str, Any] = json.loads(json.dumps(variables).replace(OWN_KEY, arn))
    return named


def of_the_release(upgrade: Upgrade, environment: Mapping[str, str]) -> dict[str, Any]:
    """Write the release's configuration, and make the bucket and the key that are there before."""
    upgrade.install_release()
    clients = Clients.of({**environment, "AWS_ACCESS_KEY_ID": UPGRADED_ACCOUNT})
    clients.s3.create_bucket(Bucket="upgrade-existing")
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    key = clients.kms.create_key(Description="upgrade", Policy=policy)
    return {
        "existing_bucket": "upgrade-existing",
        "kms_key_arn": key["KeyMetadata"]["Arn"],
        "packages": str(upgrade.packages),
    }


def second_consumer(stacks: Stacks, name: str) -> dict[str, Any]:
    """Wait for the topic of `buffered`, and make the variables of one more consumer of it."""
    topic = stacks["buffered"].outputs()["topic"]["arn"]
    return {"name": name, "packages": str(PACKAGES), "topic_arn": topic}


@pytest.fixture(scope="session")
def upgrade(tmp_path_factory: pytest.TempPathFactory) -> Upgrade:
    """Where the last release is applied, and then this code."""
    return Upgrade(tmp_path_factory.mktemp("upgrade"))


@pytest.fixture(scope="session")
def stacks(
    request: pytest.FixtureRequest,
    localstack: Instance,
    clients: Clients,
    scripted_function: None,
    upgrade: Upgrade,
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
    if "demo" in needed:
        request.getfixturevalue("demonstration")
    if "clone" in needed:
        request.getfixturevalue("clone")
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
        variables_of = partial(of_the_release, upgrade, localstack.environment)
        started.start("release", upgrade.configuration, variables_of, UPGRADED_ACCOUNT)
    for name, variables in EXAMPLES.items():
        if name in needed:
            started.start(name, ROOT / "examples" / name, partial(dict, variables))
    for name, account in SECOND_CONSUMERS.items():
        if name in needed:
            variables_of = partial(second_consumer, started, name)
            folder = ROOT / "examples" / "buffered" / "second-consumer"
            started.start(name, folder, variables_of, account)
    for name, beginning in beginnings(request.session.items):
        started.begin(name, beginning, clients)
    yield started
    started.destroy()


def beginnings(items: list[pytest.Item]) -> Iterator[tuple[str, Beginning]]:
    """List what the selected tests do as soon as a stack is up."""
    for item in items:
        if any(mark.args[0] for mark in item.iter_markers("skipif")):
            continue
        for mark in item.iter_markers("begins"):
            name, beginning = mark.args
            yield name, beginning


@pytest.fixture(scope="session")
def root_module(stacks: Stacks) -> Terraform:
    """The root module, applied with a bucket of its own."""
    return stacks["orders"]


@pytest.fixture(scope="session")
def on_existing_bucket(stacks: Stacks) -> Terraform:
    """The root module, applied to a bucket that somebody else owns."""
    return stacks["theirs"]


@pytest.fixture(scope="session")
def pipeline(root_module: Terraform, clients: Clients) -> Pipeline:
    """The applied pipeline that most tests drive."""
    return Pipeline(root_module.outputs(), clients)


def destroy(terraform: Terraform) -> None:
    """Destroy what is there, and see that nothing is left."""
    if terraform.resources():
        terraform.destroy()
    assert terraform.resources() == []


def reporter(config: pytest.Config, name: str) -> Callable[[Progress], None]:
    """Make a function that shows each finished resource, past pytest's capture of output."""
    write = teller(config)

    def report(progress: Progress) -> None:
        counted = f"{progress.done}/{progress.total}"
        write(f"  {name}: {counted} {progress.action} {progress.resource}")

    return report


def teller(config: pytest.Config) -> Callable[[str], None]:
    """Make a function that shows a line, past pytest's capture of output."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    assert terminal is not None
    assert capture is not None

    def tell(line: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.write_line(line)

    return tell


@pytest.fixture
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Show a line while the tests run."""
    return teller(pytestconfig)
