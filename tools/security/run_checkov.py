"""Run checkov's Terraform checks on files, and print the result for each resource as JSON.

A separate program, run by the Python of ``.tools/security``: ``run_checkov.py FILE ...``. It
calls checkov's runner instead of its command line, which takes twice as long to start, skips
files that it can't parse, and can send data to its vendor's platform. Nothing is downloaded, and
modules are scanned once, not for each use.
"""

import json
import logging
import os
import sys
import warnings

# Hide checkov's log lines and its dependencies' warnings, which don't concern the Terraform code.
os.environ["LOG_LEVEL"] = "ERROR"
warnings.simplefilter("ignore")

from checkov.runner_filter import RunnerFilter  # noqa: E402
from checkov.terraform.runner import Runner  # noqa: E402


def main() -> None:
    """Scan the files on the command line."""
    logging.disable(logging.WARNING)
    report = Runner().run(
        root_folder=None,
        files=sys.argv[1:],
        runner_filter=RunnerFilter(
            framework=["terraform"], show_progress_bar=False, download_external_modules=False
        ),
    )
    records = [*report.passed_checks, *report.skipped_checks, *report.failed_checks]
    results = [
        {
            "check": record.check_id,
            "file": record.file_abs_path,
            "line": record.file_line_range[0],
            "reason": record.check_result.get("suppress_comment"),
            "resource": record.resource,
            "result": record.check_result["result"].value,
            "title": record.check_name,
        }
        for record in records
    ]
    json.dump({"results": results, "unparsed": list(report.parsing_errors)}, sys.stdout)


if __name__ == "__main__":
    main()
