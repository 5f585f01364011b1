"""Configurations that are applied side by side, once for all tests."""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from event_pipelines.terraform import Progress, Terraform
from tests.integration.configurations import (
    ANY_KEY,
    EXISTING_BUCKET,
    OUTPUT_BUCKET,
    OWN_KEY,
    PACKAGES,
    UPGRADED_ACCOUNT,
)
from tests.integration.pipeline import AppliedPipeline, Clients
from tests.integration.release import Upgrade, Upgraded
from tools.running_provider import running_provider

# What a test does first: it gets the pipeline, and what closes again what it opens.
type Beginning = Callable[[AppliedPipeline, ExitStack], object]

# Of many resources most wait for SQS at any moment, and no test changes what is there behind these.
MANY_RESOURCES: Mapping[str, str] = {
    "TF_CLI_ARGS_apply": "-parallelism=40",
    "TF_CLI_ARGS_destroy": "-parallelism=40 -refresh=false",
}


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
    upgraded: dict[str, Future[Upgraded]] = field(default_factory=dict)
    running: list[Future[None]] = field(default_factory=list)
    cleanup: ExitStack = field(default_factory=ExitStack)
    providers: ExitStack = field(default_factory=ExitStack)

    def start(
        self,
        name: str,
        configuration: Path,
        variables: Callable[[], Mapping[str, Any]],
        account: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Begin to apply a configuration, in an account of its own if one is named.

        What its variables are is asked for in the background: they may be the outputs of another.
        Settings are more of Terraform's environment variables.
        """
        environment = {**self.environment, **(settings or {})}
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

    def upgrade(self, name: str, upgrade: Upgrade) -> None:
        """Begin to apply the last release, and then this code, in an account of its own."""
        variables = partial(before_the_release, upgrade, self.environment)
        self.start(name, upgrade.configuration, variables, UPGRADED_ACCOUNT, MANY_RESOURCES)
        self.upgraded[name] = self.pool.submit(upgrade.run, self.applying[name])
        self.cleanup.callback(wait, [self.upgraded[name]])

    def run(self, change: Callable[[], None]) -> None:
        """Begin to change stacks, beside the tests that leave them alone."""
        self.running.append(self.pool.submit(change))
        self.cleanup.callback(wait, self.running)

    def begin(self, name: str, beginning: Beginning, clients: Clients) -> None:
        """Have a test begun as soon as a stack is up: what it waits for takes a minute."""

        def begin() -> object:
            return beginning(AppliedPipeline(self[name].outputs(), clients), self.cleanup)

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


def before_the_release(upgrade: Upgrade, environment: Mapping[str, str]) -> dict[str, Any]:
    """Write its configuration, make the bucket and the key that were there, and name them."""
    upgrade.write()
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


def beginnings(items: list[pytest.Item]) -> Iterator[tuple[str, Beginning]]:
    """List what the selected tests do as soon as a stack is up."""
    for item in items:
        if any(mark.args[0] for mark in item.iter_markers("skipif")):
            continue
        for mark in item.iter_markers("begins"):
            name, beginning = mark.args
            yield name, beginning


def destroy(terraform: Terraform) -> None:
    """Destroy what is there, and see that nothing is left."""
    if terraform.resources():
        terraform.destroy()
    assert terraform.resources() == []
