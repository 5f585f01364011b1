"""Lock the dependencies of the environments and the functions: ``make lock``.

``--check`` (part of ``make lint``) resolves nothing and needs no package index. It compares each
lock file with its ``.in`` file: both exist, the lock file was resolved for the same direct
requirements, the pinned versions satisfy them, and every pin has its hashes.
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
# Where requirements are, without the suffixes ".in" and ".txt". A file with either suffix needs its
# counterpart.
PLACES = (
    "tools/uv",
    "requirements/*",
    "functions/*/requirements",
    "libraries/*/requirements",
    "tests/integration/functions/*/requirements",
    "tools/localstack/requirements",
    "tools/localstack/lambda_runtime/requirements",
)
# Lock files that are not upgraded; the .in file says why.
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
        Whether an ``.in`` file names it, according to uv's comment.
    is_hashed
        Whether it has the hashes of its archives.
    """

    version: str
    is_direct: bool = False
    is_hashed: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Resolve every lock file again, or with ``--check`` only report outdated ones."""
    parser = argparse.ArgumentParser(prog="lock", description="Lock the dependencies again.")
    parser.add_argument("--check", action="store_true", help="only fail if a lock file is outdated")
    options = parser.parse_args(arguments)
    locks = find(ROOT)
    faults = [fault for lock in locks for fault in check(ROOT, lock)]
    if options.check:
        return _report(faults)
    # Outdated lock files are resolved again below, but a missing .in file can't be resolved.
    if any(not _source(ROOT, lock).is_file() for lock in locks):
        return _report([fault for lock in locks for fault in missing(ROOT, lock)])
    for lock in locks:
        if lock not in FROZEN:
            print(f"lock: {lock}.txt", flush=True)
            if subprocess.run(command(lock), check=False, cwd=ROOT).returncode:
                return 1
    return 0


def find(root: Path) -> list[str]:
    """List the pairs of requirements and lock file, without suffix, relative to the root."""
    return sorted(
        {
            path.relative_to(root).with_suffix("").as_posix()
            for place in PLACES
            for suffix in (".in", ".txt")
            for path in root.glob(place + suffix)
        }
    )


def command(lock: str) -> list[str]:
    """Return the command that resolves a lock file for all platforms, with the newest versions."""
    return [
        *(str(UV), "pip", "compile", "--quiet", "--upgrade", "--universal", "--generate-hashes"),
        *("--no-header", "--python-version", "3.13", f"{lock}.in", "--output-file", f"{lock}.txt"),
    ]


def check(root: Path, lock: str) -> Iterator[str]:
    """Yield the differences between a lock file and its requirements."""
    if any(faults := list(missing(root, lock))):
        yield from faults
        return
    pins = read_lock(root / f"{lock}.txt")
    wanted = {canonicalize_name(one.name): one for one in requirements(_source(root, lock))}
    for name, requirement in wanted.items():
        pin = pins.get(name)
        if pin is None or not pin.is_direct:
            yield f"{lock}.in names {name}, but {lock}.txt was not resolved for it: run make lock"
        elif not requirement.specifier.contains(pin.version, prereleases=True):
            yield f"{lock}.in requires {requirement}, {lock}.txt has {pin.version}: run make lock"
    for found, pin in pins.items():
        if pin.is_direct and found not in wanted:
            yield f"{lock}.txt was resolved for {found}, which {lock}.in lacks: run make lock"
        if not pin.is_hashed:
            yield f"{lock}.txt has no hash for {found}: run make lock"


def missing(root: Path, lock: str) -> Iterator[str]:
    """Yield which file of a pair is missing."""
    if not _source(root, lock).is_file():
        yield f"{lock}.txt exists without {lock}.in: write the requirements into it and commit it"
    elif not (root / f"{lock}.txt").is_file():
        yield f"{lock}.in exists without {lock}.txt: run make lock"


def requirements(source: Path) -> Iterator[Requirement]:
    """Read the requirements of an ``.in`` file, and of those that it includes.

    Raises
    ------
    SystemExit
        A line is not a valid requirement; the message names it.
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
    """Read the pins of a lock file, by normalized names."""
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
