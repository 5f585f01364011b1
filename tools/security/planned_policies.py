"""Check the planned policies with checkov, each with every check that it has for policies.

In the modules' code, checkov drops its checks of a policy that it can't evaluate, and says nothing.
A planned policy has no expressions: each of these checks has a result, or that is a fault.
"""

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.security.planned import Resource
from tools.security.statements import documents_of
from tools.security.terraform_checks import run

# https://www.checkov.io/5.Policy%20Index/terraform.html
_PERMISSIONS = frozenset({"CKV2_AWS_40", "CKV_AWS_62", "CKV_AWS_63", "CKV_AWS_286", "CKV_AWS_287"})
_PERMISSIONS |= {"CKV_AWS_288", "CKV_AWS_289", "CKV_AWS_290", "CKV_AWS_355"}
CHECKS: Mapping[str, frozenset[str]] = {
    "aws_iam_policy": _PERMISSIONS,
    "aws_iam_role": frozenset({"CKV_AWS_60", "CKV_AWS_61"}),
    "aws_iam_role_policy": _PERMISSIONS,
    "aws_kms_key": frozenset({"CKV_AWS_33"}),
    "aws_s3_bucket_policy": frozenset({"CKV_AWS_70", "CKV_AWS_93"}),
    "aws_sqs_queue": frozenset({"CKV_AWS_168"}),
}
# Checkov has no check for these, whose policies parliament checks.
UNCHECKED = frozenset({"aws_sns_topic"})
# The same as a key's own policy.
_SCANNED_AS = {"aws_kms_key_policy": "aws_kms_key"}
_BLOCK = re.compile(r'^resource "(\w+)" "(\w+)" \{$(.*?)^\}$', re.MULTILINE | re.DOTALL)
_SKIP = re.compile(r"#\s*checkov:skip=(\w+):[ \t]*\S")


def check(resources: Iterable[Resource], texts: Iterable[str]) -> tuple[list[str], str]:
    """Scan the policies of planned resources.

    Parameters
    ----------
    resources
        The planned resources.
    texts
        The Terraform code, in which comments skip checks.

    Returns
    -------
    tuple of list of str and str
        The faults, and a summary line.

    Raises
    ------
    ScanError
        Checkov can't be run.
    """
    policies = [
        (resource, attribute, text)
        for resource in resources
        if resource.type not in UNCHECKED
        for attribute, text in documents_of(resource)
    ]
    with tempfile.TemporaryDirectory(prefix="checkov-") as folder:
        file = Path(folder).resolve() / "planned.tf"
        file.write_text(
            "".join(_block(number, *policy) for number, policy in enumerate(policies)), "utf-8"
        )
        document = run([str(file)])
    planned = [resource for resource, _, _ in policies]
    faults = list(faults_in(document["results"], planned, skipped_in(texts)))
    return faults, f"{len(policies)} planned policies"


def _block(number: int, resource: Resource, attribute: str, text: str) -> str:
    value = json.dumps(text).replace("${", "$${").replace("%{", "%%{")
    kind = _SCANNED_AS.get(resource.type, resource.type)
    return f'resource "{kind}" "planned_{number}" {{\n  {attribute} = {value}\n}}\n'


def skipped_in(texts: Iterable[str]) -> set[tuple[str, str]]:
    """Find the checks that comments skip: a resource's type and name, and the check."""
    return {
        (f"{kind}.{name}", found)
        for text in texts
        for kind, name, body in _BLOCK.findall(text)
        for found in _SKIP.findall(body)
    }


def faults_in(
    results: Iterable[Mapping[str, Any]],
    planned: Sequence[Resource],
    skipped: set[tuple[str, str]],
) -> Iterator[str]:
    """Yield the checks that failed, and those without a result.

    Parameters
    ----------
    results
        What checkov found of the resources ``planned_0`` and so on.
    planned
        The resources, in this order.
    skipped
        See `skipped_in`.
    """
    found = {(one["resource"].partition(".planned_")[2], one["check"]): one for one in results}
    for number, resource in enumerate(planned):
        kind = _SCANNED_AS.get(resource.type, resource.type)
        place = f"{resource.configuration}: {resource.address}"
        if kind not in CHECKS:
            yield f"{place}: no checks are listed for policies of {kind}: see {__name__}"
        for wanted in sorted(CHECKS.get(kind, ())):
            one = found.get((str(number), wanted))
            if one is None:
                yield f"{place}: {wanted}: checkov didn't evaluate this policy"
            elif one["result"] != "PASSED" and (_named(resource), wanted) not in skipped:
                yield f"{place}: {wanted}: {one['title']}"


def _named(resource: Resource) -> str:
    """Return a resource's type and name, as its block in the code has them."""
    return re.sub(r"\[[^]]*\]$", "", resource.address)[resource.address.rfind(resource.type) :]
