"""Hold the Terraform of the root, the modules and the examples against checkov: ``make lint``."""

import sys

from tools.security import terraform_checks


def main() -> int:
    """Scan, and give the exit code: 0 when nothing fails."""
    try:
        faults, count = terraform_checks.scan()
    except terraform_checks.ScanError as error:
        print(f"security: {error}", file=sys.stderr)
        return 1
    for fault in faults:
        print(f"security: {fault}", file=sys.stderr)
    if not faults:
        print(f"checkov: {count}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
