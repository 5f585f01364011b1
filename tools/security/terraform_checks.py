"""Check the Terraform code with checkov: failed checks, and checks skipped without a reason.

A check is skipped for one resource by a comment in it, ``# checkov:skip=<check>:<reason>``, see
https://www.checkov.io/2.Basics/Suppressing%20and%20Skipping%20Policies.html.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.checkout import ROOT

PYTHON = ROOT / ".tools" / "security" / "bin" / "python"
SCAN = Path(__file__).resolve().with_name("run_checkov.py")
SCANNED = ("*.tf", "modules/*/*.tf", "examples/**/*.tf")

# A known fault (SSH open to everybody), to detect a scan that finds nothing.
PLANTED_CHECK = "CKV_AWS_24"
PLANTED = """
resource "aws_security_group" "planted" {
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"""
_NO_REASON = "No comment provided"


class ScanError(Exception):
    """Checkov can't be run; the message contains its output."""


def scan() -> tuple[list[str], str]:
    """Scan the root module, the modules and the examples.

    Returns
    -------
    tuple of list of str and str
        The faults, each with its file and line, and a summary line.

    Raises
    ------
    ScanError
        Checkov can't be run.
    """
    files = sorted(str(path) for glob in SCANNED for path in ROOT.glob(glob))
    with tempfile.TemporaryDirectory(prefix="checkov-") as folder:
        planted = Path(folder).resolve() / "planted.tf"
        planted.write_text(PLANTED, encoding="utf-8")
        document = run([*files, str(planted)])
    return list(faults_in(document, str(planted))), counted(document, str(planted))


def run(files: Sequence[str]) -> Any:
    """Scan files, and return what `run_checkov` prints.

    Raises
    ------
    ScanError
        Checkov can't be run.
    """
    command = [str(PYTHON), "-P", str(SCAN), *files]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ScanError(f"checkov can't be run: {done.stderr.strip()}")
    return json.loads(done.stdout)


def faults_in(document: Mapping[str, Any], planted: str) -> Iterator[str]:
    """Yield the faults in the scan's output; ``planted`` is the file with the known fault."""
    for file in document["unparsed"]:
        yield f"{_place(file)}: checkov can't parse this file, so nothing in it is checked"
    found = False
    for one in document["results"]:
        place = f"{_place(one['file'])}:{one['line']}: {one['resource']}"
        if one["file"] == planted:
            found = found or (one["check"], one["result"]) == (PLANTED_CHECK, "FAILED")
        elif one["result"] == "FAILED":
            yield f"{place}: {one['check']}: {one['title']}"
        elif one["result"] == "SKIPPED" and (one["reason"] or _NO_REASON) == _NO_REASON:
            yield f"{place}: {one['check']} is skipped without a reason: add one after a colon"
    if not found:
        yield f"checkov no longer finds {PLANTED_CHECK}, a fault added to check it"


def counted(document: Mapping[str, Any], planted: str) -> str:
    """Count the passed and the skipped checks."""
    results = [one["result"] for one in document["results"] if one["file"] != planted]
    return f"{results.count('PASSED')} passed, {results.count('SKIPPED')} skipped"


def _place(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
