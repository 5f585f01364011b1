"""Check policies with parliament, and print its findings as JSON.

A separate program, run by the Python of ``.tools/security``. It reads a list of policy documents
from standard input, and prints a list of findings for each. Parliament has its own copy of AWS's
service authorization reference for actions, resources and context keys; nothing is downloaded.
https://github.com/duo-labs/parliament
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")

from parliament import analyze_policy_string  # noqa: E402


def main() -> None:
    """Lint the documents from standard input."""
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
