"""An applied configuration in LocalStack, with a state of its own."""

import json
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from event_pipelines.development.errors import DevelopmentError
from event_pipelines.development.package import host_architecture, package_all
from event_pipelines.localstack.server import Instance, running
from event_pipelines.operations import discovery
from event_pipelines.operations.aws import Aws
from event_pipelines.terraform import Progress, Terraform

PACKAGES = Path("build") / "localstack"
# Terraform merges such a file into the configuration:
# https://developer.hashicorp.com/terraform/language/files/override
BACKEND_FILE = "pipeline_try_override.tf"
BACKEND = """# `pipeline try` made this file: its state is local. It removes the file when it ends.
terraform {
  backend "local" {}
}
"""
_HAS_BACKEND = re.compile(r'^\s*(?:backend\s+"|cloud\s*\{)', re.MULTILINE)
_HAS_PACKAGES = re.compile(r'^\s*variable\s+"packages"', re.MULTILINE)


@contextmanager
def in_localstack(
    folder: Path,
    source: Path | None,
    console: Console,
    options: Sequence[str] = (),
    name: str | None = None,
) -> Iterator[tuple[Terraform, discovery.Pipeline, Aws]]:
    """Start LocalStack, package functions and apply a configuration; undo it afterwards.

    Parameters
    ----------
    folder, source
        The folders of the configuration and of the functions; None if they are packaged already.
    options
        Options for Terraform.
    name
        The pipeline's name, required if the configuration has several.
    """
    variables = {} if source is None else _packaged(folder, source)
    with ExitStack() as entered:
        instance = entered.enter_context(running())
        entered.enter_context(_environment(instance))
        # An instance that was started for this ends with everything in it.
        kept = not instance.is_temporary
        applying = _applied(
            folder, instance.environment, variables, options, console, destroyed=kept
        )
        stack = entered.enter_context(applying)
        aws = Aws()
        pipeline = discovery.by_outputs(stack.outputs(), name, aws)
        if kept:
            entered.callback(_empty, pipeline.bucket, aws)
        yield stack, pipeline, aws


@contextmanager
def _environment(instance: Instance) -> Iterator[None]:
    """Replace the variables of AWS, so that nothing here or in Terraform leads to AWS."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(instance.environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _packaged(folder: Path, source: Path) -> dict[str, Any]:
    """Package the functions for this host, and return the variables that name the packages.

    Raises
    ------
    DevelopmentError
        The configuration can't be told where these packages are.
    """
    text = _text(folder)
    if not source.is_dir():
        return {}
    if not _HAS_PACKAGES.search(text):
        raise DevelopmentError(
            f'{folder}/*.tf have no variable "packages", the folder of the zip files. LocalStack '
            "needs packages for this host, and your own for AWS stay as they are: declare\n"
            'variable "packages" {\n  type    = string\n  default = "build"\n}\n'
            'and write package = "${var.packages}/NAME.zip"'
        )
    package_all(source, PACKAGES, host_architecture())
    return {"packages": str(PACKAGES.absolute())}


@contextmanager
def _applied(
    folder: Path,
    environment: Mapping[str, str],
    variables: Mapping[str, Any],
    options: Sequence[str],
    console: Console,
    *,
    destroyed: bool,
) -> Iterator[Terraform]:
    """Apply a configuration with a local state of its own.

    Parameters
    ----------
    folder
        The folder of the configuration.
    environment
        The environment that leads to LocalStack.
    variables, options
        For Terraform.
    console
        Shows the progress.
    destroyed
        Whether to destroy it afterwards.

    Raises
    ------
    TerraformError
        It can't be applied, or not be destroyed.
    """
    work = Path("build") / "try" / datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    stack = Terraform(folder, work, environment, variables, _shower(console), options)
    with _local_backend(folder):
        try:
            with console.status("Applying it: mostly waiting for SQS, about a minute"):
                stack.init()
                stack.apply()
            yield stack
        finally:
            if destroyed and stack.resources():
                with console.status("Destroying it"):
                    stack.destroy()


def keep(stack: Terraform, pipeline: discovery.Pipeline, console: Console) -> None:
    """Print how to use a stack from another terminal, and wait for Ctrl-C."""
    outputs = stack.work / "outputs.json"
    outputs.write_text(json.dumps(stack.outputs()), encoding="utf-8")
    named = ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    scripts = Path(sys.executable).parent
    console.print("\nThe pipeline runs until you press Ctrl-C. In another terminal:\n")
    for line in (
        *(f"export {name}={stack.environment[name]}" for name in named),
        f"export PIPELINE_OUTPUTS={shlex.quote(str(outputs.absolute()))}",
        f"export PATH={shlex.quote(str(scripts))}:$PATH",
        "pipeline status",
        f"aws s3 cp my.json s3://{pipeline.bucket}/incoming/",
        *(f"aws logs tail {one.log_group} --follow" for one in pipeline.consumers.values()),
    ):
        # Not wrapped, so that users can copy it.
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
    console.print()
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("Stopping LocalStack and the pipeline.")


@contextmanager
def _local_backend(folder: Path) -> Iterator[None]:
    """Keep the state of a configuration that has a backend out of that backend."""
    file = folder / BACKEND_FILE
    if not _HAS_BACKEND.search(_text(folder)):
        yield
        return
    file.write_text(BACKEND, encoding="utf-8")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _text(folder: Path) -> str:
    files = [file for file in sorted(folder.glob("*.tf")) if file.name != BACKEND_FILE]
    if not files:
        raise DevelopmentError(f"{folder} has no Terraform configuration: name it with --chdir")
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def _shower(console: Console) -> Callable[[Progress], None]:
    def show(progress: Progress) -> None:
        counted = f"{progress.done:>3}/{progress.total}"
        line = f"  [dim]{counted} {progress.action} {progress.resource}[/dim]"
        console.print(line, highlight=False)

    return show


def _empty(bucket: str, aws: Aws) -> None:
    """Delete all versions of a bucket's files, which Terraform doesn't do by default."""
    for page in aws.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for found in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
            aws.s3.delete_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])
