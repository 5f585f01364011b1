"""Lock the dependencies of the environments and the functions: ``make lock``.

``--check`` (part of ``make lint``) resolves nothing and needs no package index. It compares each
lock file with its ``.in`` file: both exist, the lock file was resolved for the same direct
requirements, the pinned versions satisfy them, and every pin has its hashes.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from event_pipelines.development import locks
from event_pipelines.development.errors import DevelopmentError
from tools.checkout import ROOT

# Where requirements are, without the suffixes ".in" and ".txt". A file with either suffix needs its
# counterpart.
PLACES = (
    "tools/uv",
    "requirements/*",
    "functions/*/requirements",
    "tests/integration/functions/*/requirements",
    "src/event_pipelines/localstack/requirements",
    "src/event_pipelines/localstack/lambda_runtime/requirements",
)
# Lock files that are not upgraded; the .in file says why.
FROZEN = {"src/event_pipelines/localstack/requirements"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Resolve the lock files again, or with ``--check`` only report outdated ones."""
    parser = argparse.ArgumentParser(prog="lock", description="Lock the dependencies again.")
    parser.add_argument("--check", action="store_true", help="only fail if a lock file is outdated")
    parser.add_argument("function", nargs="?", help="lock only this function's requirements")
    options = parser.parse_args(arguments)
    names = find(ROOT, options.function)
    if not names:
        return _report([f"functions/{options.function}/requirements.in does not exist"])
    try:
        if options.check:
            return _report(fault for name in names for fault in check(ROOT, name))
        if orphans := [name for name in names if not (ROOT / f"{name}.in").is_file()]:
            return _report(fault for name in orphans for fault in check(ROOT, name))
        for name in names:
            if name not in FROZEN:
                print(f"lock: {name}.txt", flush=True)
                locks.resolve(ROOT / f"{name}.in", ROOT / f"{name}.txt", upgrade=True)
    except DevelopmentError as error:
        return _report([str(error)])
    return 0


def find(root: Path, function: str | None = None) -> list[str]:
    """List the pairs of requirements and lock file, without suffix, relative to the root."""
    places = PLACES if function is None else (f"functions/{function}/requirements",)
    return sorted(
        {
            path.relative_to(root).with_suffix("").as_posix()
            for place in places
            for suffix in (".in", ".txt")
            for path in root.glob(place + suffix)
        }
    )


def check(root: Path, name: str) -> Iterator[str]:
    """Yield the differences between a lock file and its requirements, with paths from the root."""
    for fault in locks.check(root / f"{name}.in", root / f"{name}.txt", "make lock"):
        yield fault.replace(f"{root}/", "")


def _report(faults: Iterable[str]) -> int:
    code = 0
    for fault in faults:
        print(f"lock: {fault}", file=sys.stderr)
        code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
