"""Plan the root module and the examples with a mocked provider, and with realistic ARNs.

A mocked provider uses one ARN for all resources of a type, so the policies would not show who may
access what. Everything is therefore planned twice: the first plan shows the resources and their
names, from which the second gets each resource's ARN. No request leaves this machine. Needs
Terraform 1.11 or newer: earlier versions, and OpenTofu, don't mock computed values in a plan.

The last plan is kept by the hash of what it is made from, as it takes half a minute.

https://developer.hashicorp.com/terraform/language/tests/mocking
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.checkout import ROOT, TERRAFORM
from tools.mocked_terraform import PACKAGE, plans_in
from tools.running_provider import running_provider

ACCOUNT, REGION = "111122223333", "eu-west-1"
MINIMUM = (1, 11)
CONFIGURATIONS = Path(__file__).with_name("configurations.json")
KEPT = ROOT / ".tools" / "plans"
_MOCKS = Path("tests", "terraform", "mocks")
_IN_REGION = f"{REGION}:{ACCOUNT}"
_ARNS = {
    "aws_cloudwatch_event_rule": ("name", f"arn:aws:events:{_IN_REGION}:rule/%s"),
    "aws_cloudwatch_log_group": ("name", f"arn:aws:logs:{_IN_REGION}:log-group:%s"),
    "aws_dynamodb_table": ("name", f"arn:aws:dynamodb:{_IN_REGION}:table/%s"),
    "aws_iam_policy": ("name", f"arn:aws:iam::{ACCOUNT}:policy/%s"),
    "aws_iam_role": ("name", f"arn:aws:iam::{ACCOUNT}:role/%s"),
    "aws_kms_key": ("description", f"arn:aws:kms:{_IN_REGION}:key/own"),
    "aws_lambda_function": ("function_name", f"arn:aws:lambda:{_IN_REGION}:function:%s"),
    "aws_s3_bucket": ("bucket", "arn:aws:s3:::%s"),
    "aws_sns_topic": ("name", f"arn:aws:sns:{_IN_REGION}:%s"),
    "aws_sqs_queue": ("name", f"arn:aws:sqs:{_IN_REGION}:%s"),
}


class PlanError(Exception):
    """Terraform rejects a configuration; the message contains its output."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a plan.

    Attributes
    ----------
    configuration
        The planned configuration: an example, or a name for a pipeline of the root module.
    address, type
        The resource's address and type in Terraform.
    values
        Its attributes.
    """

    configuration: str
    address: str
    type: str
    values: Mapping[str, Any]


def lacking(version: str) -> str:
    """Return why this version can't plan the configurations; nothing if it can.

    Parameters
    ----------
    version
        The output of ``terraform version``, which begins with the product and its version.
    """
    product, number = version.split(maxsplit=2)[:2]
    if product == "Terraform" and tuple(map(int, re.findall(r"\d+", number)[:2])) >= MINIMUM:
        return ""
    return (
        f"override_during needs Terraform {'.'.join(map(str, MINIMUM))}, this is {product} {number}"
    )


def plan(version: str) -> list[Resource]:
    """Plan the representative pipelines and the examples.

    Parameters
    ----------
    version
        The output of ``terraform version``.

    Raises
    ------
    PlanError
        Terraform rejects one of them.
    """
    with tempfile.TemporaryDirectory(prefix="security-") as place:
        folder = Path(place).resolve()
        _copy(folder)
        configurations = json.loads(CONFIGURATIONS.read_text(encoding="utf-8"))
        _write(folder, configurations, [])
        kept = KEPT / f"{_digest(folder, version)}.json"
        if kept.is_file():
            return [Resource(**one) for one in json.loads(kept.read_text(encoding="utf-8"))]
        _terraform(folder, {}, "init", "-backend=false", "-input=false", "-no-color")
        with running_provider(folder / ".terraform") as provider:
            first = _resources(folder, provider)
            _write(folder, configurations, first)
            resources = _resources(folder, provider)
    _keep(kept, resources)
    return resources


def _digest(folder: Path, version: str) -> str:
    """Hash what is planned, and what plans it."""
    digest = hashlib.sha256(version.encode())
    digest.update(Path(__file__).read_bytes())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"\n{path.relative_to(folder).as_posix()} {content}".encode())
    return digest.hexdigest()


def _keep(kept: Path, resources: Iterable[Resource]) -> None:
    """Keep these resources instead of those of the last plan."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    for other in kept.parent.glob("*.json"):
        other.unlink(missing_ok=True)
    written = kept.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps([asdict(one) for one in resources]), encoding="utf-8")
    written.replace(kept)


def _copy(folder: Path) -> None:
    left_out = shutil.ignore_patterns(".terraform*", "*.tfstate*")
    for file in ROOT.glob("*.tf"):
        shutil.copyfile(file, folder / file.name)
    for name in ("modules", "examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    shutil.copytree(ROOT / _MOCKS, folder / _MOCKS)
    # Only the name of a package, and that it is a zip, matter here.
    for function in (ROOT / "functions").iterdir():
        package = folder / "build" / f"{function.name}.zip"
        package.parent.mkdir(exist_ok=True)
        shutil.copyfile(PACKAGE, package)


def _write(
    folder: Path, configurations: Mapping[str, Mapping[str, Any]], known: Iterable[Resource]
) -> None:
    """Write the test that plans each configuration, with the known ARNs."""
    lines = ['mock_provider "aws" {', f'  source = "./{_MOCKS.as_posix()}"']
    lines += ["  override_during = plan", "}"]
    overrides: dict[str, list[str]] = {}
    for resource in known:
        if resource.type not in _ARNS:
            continue
        values = json.dumps(_computed(resource))
        overrides.setdefault(resource.configuration, []).append(
            f"  override_resource {{\n    target = {resource.address}\n    values = {values}\n"
            "    override_during = plan\n  }"
        )
    for name, variables in configurations.items():
        lines += [f'run "{name.replace("-", "_")}" {{', "  command = plan"]
        if (ROOT / "examples" / name).is_dir():
            lines.append(f'  module {{\n    source = "./examples/{name}"\n  }}')
        lines.append("  variables {")
        lines += [f"    {key} = {json.dumps(value)}" for key, value in variables.items()]
        lines += ["  }", *overrides.get(name, []), "}"]
    (folder / "security.tftest.hcl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _computed(resource: Resource) -> dict[str, str]:
    """Return the computed attributes of a resource that a policy can refer to."""
    attribute, arn = _ARNS[resource.type]
    name = resource.values[attribute]
    computed = {"arn": arn % name if "%s" in arn else arn}
    if resource.type == "aws_iam_role":
        computed["id"] = name  # as in AWS; role policies refer to it
    if resource.type == "aws_sqs_queue":
        computed["url"] = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
    return computed


def _resources(folder: Path, provider: Mapping[str, str]) -> list[Resource]:
    """Plan the configurations, and list their resources."""
    output = _terraform(folder, provider, "test", "-json", "-verbose")
    plans = plans_in(output)
    own = [
        Resource(
            configuration=planned["@testrun"].replace("_", "-"),
            address="output.kms_key_statements",
            type="aws_kms_key_policy",
            values={"policy": json.dumps({"Version": "2012-10-17", "Statement": said["after"]})},
        )
        for planned in plans
        if (said := planned["test_plan"].get("output_changes", {}).get("kms_key_statements"))
    ]
    return own + [
        Resource(
            configuration=planned["@testrun"].replace("_", "-"),
            address=one["address"],
            type=one["type"],
            values=one["change"]["after"],
        )
        for planned in plans
        for one in planned["test_plan"]["resource_changes"]
        if one["mode"] == "managed"
    ]


def _terraform(folder: Path, provider: Mapping[str, str], *arguments: str) -> str:
    own = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    done = subprocess.run(
        [str(TERRAFORM), f"-chdir={folder}", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**own, **provider},
    )
    if done.returncode:
        said = "\n".join(_diagnostics(done.stdout)) or f"{done.stdout}{done.stderr}"
        raise PlanError(f"terraform {arguments[0]} failed:\n{said}")
    return done.stdout


def _diagnostics(output: str) -> Iterator[str]:
    for message in (json.loads(line) for line in output.splitlines() if line[:1] == "{"):
        if message["type"] == "diagnostic" and message["diagnostic"]["severity"] == "error":
            diagnostic = message["diagnostic"]
            yield f"{message.get('@testrun', '')}: {diagnostic['summary']}: {diagnostic['detail']}"
