"""Resolve what the environments and the functions need into their lock files: ``make lock``.

``--check`` (part of ``make lint``) resolves nothing and asks no index. It compares each lock file
with the ``.in`` file beside it: both are there, what one names is what the other was resolved for,
the pinned versions are accepted, and every pin has its hashes.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".tools" / "bin" / "uv"
# Where requirements are, without ".in" and ".txt"; either suffix alone makes a pair that must be
# whole.
PLACES = (
    "tools/uv",
    "requirements/*",
    "functions/*/requirements",
    "libraries/*/requirements",
    "tests/integration/functions/*/requirements",
    "tools/localstack/requirements",
    "tools/localstack/lambda_runtime/requirements",
)
# What was resolved once and stays; why is said in its .in file.
FROZEN = {"tools/localstack/requirements"}

_PIN = re.compile(r"^(?P<name>[\w.-]+)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)")
_VIA = re.compile(r"^ +# +(?:via )?-r \S+\.in$")


@dataclass(slots=True)
class Pin:
    """One distribution of a lock file.

    Attributes
    ----------
    version
        Its version.
    is_direct
        Whether an ``.in`` file asked for it, by the comment that uv leaves.
    is_hashed
        Whether the archives that may be installed are named by their hashes.
    """

    version: str
    is_direct: bool = False
    is_hashed: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Resolve every lock file again, or with ``--check`` only say which don't fit."""
    parser = argparse.ArgumentParser(prog="lock", description="Resolve the lock files again.")
    parser.add_argument("--check", action="store_true", help="change nothing, fail if one is off")
    options = parser.parse_args(arguments)
    locks = find(ROOT)
    faults = [fault for lock in locks for fault in check(ROOT, lock)]
    if options.check:
        return _report(faults)
    # What is missing can't be resolved; what doesn't fit is what this is run for.
    if any(not _source(ROOT, lock).is_file() for lock in locks):
        return _report([fault for lock in locks for fault in missing(ROOT, lock)])
    for lock in locks:
        if lock not in FROZEN:
            print(f"lock: {lock}.txt", flush=True)
            if subprocess.run(command(lock), check=False, cwd=ROOT).returncode:
                return 1
    return 0


def find(root: Path) -> list[str]:
    """List the pairs of requirements and lock, each without its suffix, relative to the root."""
    return sorted(
        {
            path.relative_to(root).with_suffix("").as_posix()
            for place in PLACES
            for suffix in (".in", ".txt")
            for path in root.glob(place + suffix)
        }
    )


def command(lock: str) -> list[str]:
    """Give the command that resolves a lock file for all platforms, as new as can be."""
    return [
        *(str(UV), "pip", "compile", "--quiet", "--upgrade", "--universal", "--generate-hashes"),
        *("--no-header", "--python-version", "3.13", f"{lock}.in", "--output-file", f"{lock}.txt"),
    ]


def check(root: Path, lock: str) -> Iterator[str]:
    """Say in what a lock file and its requirements don't fit."""
    if any(faults := list(missing(root, lock))):
        yield from faults
        return
    pins = read_lock(root / f"{lock}.txt")
    wanted = {canonicalize_name(one.name): one for one in requirements(_source(root, lock))}
    for name, requirement in wanted.items():
        pin = pins.get(name)
        if pin is None or not pin.is_direct:
            yield f"{lock}.in names {name}, {lock}.txt was not resolved for it: run make lock"
        elif not requirement.specifier.contains(pin.version, prereleases=True):
            yield f"{lock}.in wants {requirement}, {lock}.txt has {pin.version}: run make lock"
    for found, pin in pins.items():
        if pin.is_direct and found not in wanted:
            yield f"{lock}.txt was resolved for {found}, {lock}.in does not name it: run make lock"
        if not pin.is_hashed:
            yield f"{lock}.txt has no hash of {found}: run make lock"


def missing(root: Path, lock: str) -> Iterator[str]:
    """Say which file of a pair is not there."""
    if not _source(root, lock).is_file():
        yield f"{lock}.in is missing beside {lock}.txt: write what is needed into it, and commit it"
    elif not (root / f"{lock}.txt").is_file():
        yield f"{lock}.txt is missing beside {lock}.in: run make lock"


def requirements(source: Path) -> Iterator[Requirement]:
    """Read the requirements of an ``.in`` file, and of those that it includes.

    Raises
    ------
    SystemExit
        A line is no requirement; the message names it.
    """
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            yield from requirements(source.parent / text.removeprefix("-r ").strip())
        elif text:
            try:
                yield Requirement(text)
            except InvalidRequirement as error:
                raise SystemExit(f"lock: {source}:{number}: {error}") from None


def read_lock(file: Path) -> dict[str, Pin]:
    """Read what a lock file pins, by normalised names."""
    pins: dict[str, Pin] = {}
    pin = None
    for line in file.read_text(encoding="utf-8").splitlines():
        if match := _PIN.match(line):
            pin = pins.setdefault(canonicalize_name(match["name"]), Pin(match["version"]))
        elif pin is not None:
            pin.is_direct = pin.is_direct or _VIA.match(line) is not None
            pin.is_hashed = pin.is_hashed or line.strip().startswith("--hash=")
    return pins


def _source(root: Path, lock: str) -> Path:
    return root / f"{lock}.in"


def _report(faults: Sequence[str]) -> int:
    for fault in faults:
        print(f"lock: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
