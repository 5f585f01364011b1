"""Hold policies against parliament's rules of IAM, and print its findings as JSON.

A program of its own, run by the Python of ``.tools/security``. It reads a list of policy documents
from its standard input, and prints a list of findings for each. Which actions, resources and
context keys there are it knows from its own copy of AWS's service authorization reference; nothing
is downloaded. https://github.com/duo-labs/parliament
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")

from parliament import analyze_policy_string  # noqa: E402


def main() -> None:
    """Lint the documents of the standard input."""
    findings = [
        [
            {"issue": finding.issue, "detail": str(finding.detail)}
            for finding in analyze_policy_string(document).findings
        ]
        for document in json.load(sys.stdin)
    ]
    json.dump(findings, sys.stdout)


if __name__ == "__main__":
    main()
