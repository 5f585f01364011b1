"""Check the planned policies with parliament.

A finding is accepted by a comment beside the statement that it is about:
``# parliament:skip=<issue>:<Sid>:<reason>``, in which an asterisk stands for any end of the Sid.
"""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tools.security.planned import Resource
from tools.security.statements import documents_of
from tools.security.terraform_checks import PYTHON, ScanError

LINTER = Path(__file__).resolve().with_name("run_parliament.py")
_SKIP = re.compile(r"#\s*parliament:skip=(\w+):([\w*]+):[ \t]*(\S.*)")

# A known fault, to detect a linter that finds nothing.
PLANTED = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sqs:SendLetter", "Resource": "*"}],
}
PLANTED_ISSUE = "UNKNOWN_ACTION"
_ROLE = "arn:aws:iam::111122223333:role/any"


def check(resources: Sequence[Resource], texts: Iterable[str]) -> tuple[list[str], str]:
    """Lint the policies of planned resources.

    Parameters
    ----------
    resources
        The planned resources.
    texts
        The Terraform code, whose comments accept findings.

    Returns
    -------
    tuple of list of str and str
        The faults, and a summary line.

    Raises
    ------
    ScanError
        Parliament can't be run.
    """
    documents = list(_documents(resources))
    command = [str(PYTHON), "-P", "-W", "ignore", str(LINTER)]
    questions = json.dumps([json.dumps(document) for _, document in [("", PLANTED), *documents]])
    done = subprocess.run(command, input=questions, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ScanError(f"parliament can't be run: {done.stderr.strip()}")
    planted, *found = json.loads(done.stdout)
    # In a key's policy the resource is the key, and written as an asterisk:
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
    found = [
        [one for one in findings if "kms_key" not in place or one["issue"] != "RESOURCE_STAR"]
        for ((place, _), _), findings in zip(documents, found, strict=True)
    ]
    accepted = accepted_in(texts)
    places = [place for place, _ in documents]
    faults = list(faults_in(planted, zip(places, found, strict=True), accepted))
    return faults, f"{len(documents)} statements, {len(accepted)} findings accepted"


def _documents(
    resources: Iterable[Resource],
) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    """Yield each statement as a separate document, with its place and its Sid."""
    for resource in resources:
        for attribute, text in documents_of(resource):
            document = json.loads(text)
            place = f"{resource.configuration}: {resource.address}"
            ids = [one["Sid"] for one in document["Statement"] if "Sid" in one]
            for one in document["Statement"]:
                # A trust policy has no resource, which parliament requires.
                whole = {"Resource": _ROLE, **one} if attribute == "assume_role_policy" else one
                if ids.count(one.get("Sid")) > 1:
                    place += f" (two statements are called {one['Sid']})"
                yield (place, one.get("Sid", "")), {**document, "Statement": [whole]}


def accepted_in(texts: Iterable[str]) -> dict[tuple[str, str], str]:
    """Find the comments that accept a finding: the reason, by issue and Sid of the statement."""
    return {(m[1], m[2]): m[3] for text in texts for m in _SKIP.finditer(text)}


def faults_in(
    planted: Sequence[Mapping[str, str]],
    found: Iterable[tuple[tuple[str, str], Sequence[Mapping[str, str]]]],
    accepted: Mapping[tuple[str, str], str],
) -> Iterator[str]:
    """Yield the findings that no comment accepts, and the comments that accept none."""
    unused = set(accepted)
    for (place, sid), findings in found:
        if "two statements are called" in place:
            yield place
        for finding in findings:
            reasons = [
                (issue, pattern)
                for issue, pattern in accepted
                if issue == finding["issue"] and fnmatchcase(sid, pattern)
            ]
            unused.difference_update(reasons)
            if not reasons:
                yield f"{place}: {sid or 'no Sid'}: {finding['issue']}: {finding['detail']}"
    for issue, sid in sorted(unused):
        yield f"parliament:skip={issue}:{sid} no longer accepts a finding: remove it"
    if PLANTED_ISSUE not in {finding["issue"] for finding in planted}:
        yield f"parliament no longer finds {PLANTED_ISSUE}, a fault added to check it"
