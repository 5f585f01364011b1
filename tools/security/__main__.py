"""Check the Terraform code with checkov, its planned policies with parliament too, and the page.

``make lint`` checks; ``--update`` writes docs/security.md, the page, from the plans instead.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.checkout import ROOT, TERRAFORM
from tools.running_provider import ProviderError
from tools.security import planned, planned_policies, policy_checks, terraform_checks
from tools.security.page import PageError, page
from tools.security.statements import statements_in

PAGE = Path("docs", "security.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, or write the page, and return the exit code: 0 if nothing fails."""
    parser = argparse.ArgumentParser(prog="tools.security", description="Check who may do what.")
    parser.add_argument("--update", action="store_true", help=f"write {PAGE}")
    try:
        faults, counts = _update() if parser.parse_args(arguments).update else _check()
    except (PageError, ProviderError, planned.PlanError, terraform_checks.ScanError) as error:
        print(f"security: {error}", file=sys.stderr)
        return 1
    for fault in faults:
        print(f"security: {fault}", file=sys.stderr)
    for count in () if faults else counts:
        print(count)
    return 1 if faults else 0


def _check() -> tuple[list[str], list[str]]:
    """Return the faults, and a summary of what was checked."""
    with ThreadPoolExecutor() as pool:
        scanned = pool.submit(terraform_checks.scan)
        linted = pool.submit(_check_policies)
        faults, count = scanned.result()
        more, counts = linted.result()
    return [*faults, *more], [f"checkov: {count}", *counts]


def _check_policies() -> tuple[list[str], list[str]]:
    version = _version()
    if why := planned.lacking(version):
        return [], [f"parliament and {PAGE}: skipped, {why}"]
    resources = planned.plan(version)
    texts = [file.read_text("utf-8") for file in ROOT.glob("modules/*/*.tf")]
    faults, count = policy_checks.check(resources, texts)
    more, policies = planned_policies.check(resources, texts)
    faults += more
    if not (ROOT / PAGE).is_file() or (ROOT / PAGE).read_text("utf-8") != _written(resources):
        faults.append(f"{PAGE} is outdated. Run: make docs")
    return faults, [f"parliament: {count}", f"checkov: {policies}"]


def _update() -> tuple[list[str], list[str]]:
    version = _version()
    if why := planned.lacking(version):
        return [f"{PAGE}: {why}"], []
    (ROOT / PAGE).write_text(_written(planned.plan(version)), encoding="utf-8")
    return [], []


def _written(resources: Sequence[planned.Resource]) -> str:
    return page(list(statements_in(resources)))


def _version() -> str:
    command = [str(TERRAFORM), "version"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
