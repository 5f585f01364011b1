"""Lock files: ``requirements.txt``, resolved for a ``requirements.in``, with hashes.

In a checkout of this distribution, its own name in a ``requirements.in`` stands for its
dependencies, because its packages are taken from the checkout.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from event_pipelines.development.errors import DevelopmentError
from event_pipelines.installation import (
    CHECKOUT,
    DISTRIBUTION,
    PYTHON_VERSION,
    InstallationError,
    find_uv,
)

_PIN = re.compile(
    r"^(?P<name>[\w.-]+)(?:\[[^]]*\])?(?:==(?P<version>[^\s;\\]+)| @ (?P<url>[^\s;\\]+))"
)
_VIA = re.compile(r"^ +# +(?:via )?-r \S+\.in$")
# A commit identifies its contents, as a hash does.
_COMMIT = re.compile(r"@[0-9a-f]{40}(?:#\S*)?$")


@dataclass(slots=True)
class Pin:
    """One distribution of a lock file.

    Attributes
    ----------
    version
        Its version, or the URL that it is installed from.
    is_direct
        Whether an ``.in`` file names it, according to uv's comment.
    is_hashed
        Whether it has the hashes of its archives, or a commit.
    """

    version: str
    is_direct: bool = False
    is_hashed: bool = False


def resolve(source: Path, lock: Path, *, upgrade: bool) -> None:
    """Resolve a ``requirements.in`` for all platforms, and write the lock file.

    Parameters
    ----------
    upgrade
        Whether to take the newest versions instead of those that are locked.

    Raises
    ------
    DevelopmentError
        It can't be resolved; the message has uv's reason.
    """
    try:
        command = [find_uv(), "pip", "compile", "--quiet", *(["--upgrade"] if upgrade else [])]
    except InstallationError as error:
        raise DevelopmentError(str(error)) from error
    # With this Python, a distribution at a commit is built.
    command += ["--universal", "--generate-hashes", "--no-header", "--python", sys.executable]
    command += [
        "--python-version",
        ".".join(map(str, PYTHON_VERSION)),
        source.name,
        "--output-file",
        lock.name,
    ]
    text = expanded(source)
    with ExitStack() as stack:
        folder = source.parent
        if text != source.read_text(encoding="utf-8"):
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="lock-")))
            (folder / source.name).write_text(text, encoding="utf-8")
            if lock.is_file():
                shutil.copyfile(lock, folder / lock.name)
        done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise DevelopmentError(f"{source} can't be resolved:\n{done.stderr.strip()}")
        if folder != source.parent:
            shutil.copyfile(folder / lock.name, lock)


def check(source: Path, lock: Path, remedy: str) -> Iterator[str]:
    """Yield the differences between a lock file and its requirements.

    Parameters
    ----------
    remedy
        The command that resolves it again.
    """
    if not source.is_file():
        yield f"{lock} exists without {source}: write the requirements into it and commit it"
        return
    if not lock.is_file():
        yield f"{source} exists without {lock}: run {remedy}"
        return
    pins = read(lock)
    wanted = {canonicalize_name(one.name): one for one in requirements(source)}
    for name, requirement in wanted.items():
        pin = pins.get(name)
        if pin is None or not pin.is_direct:
            yield f"{source} names {name}, but {lock} was not resolved for it: run {remedy}"
        elif not _satisfies(pin, requirement):
            yield f"{source} requires {requirement}, {lock} has {pin.version}: run {remedy}"
    for found, pin in pins.items():
        if pin.is_direct and found not in wanted:
            yield f"{lock} was resolved for {found}, which {source} lacks: run {remedy}"
        if not pin.is_hashed:
            yield f"{lock} has no hash for {found}: run {remedy}"


def expanded(source: Path) -> str:
    """Return the text of a ``requirements.in`` for uv, in which a checkout isn't named."""
    lines = []
    for line in source.read_text(encoding="utf-8").splitlines():
        text = line.partition(" #")[0].strip()
        if text.startswith("-r "):
            included = source.parent / text.removeprefix("-r ").strip()
            inner = expanded(included)
            lines.append(line if inner == included.read_text(encoding="utf-8") else inner.rstrip())
        elif _is_checkout(text):
            lines += _dependencies(Requirement(text))
        else:
            lines.append(line)
    return "\n".join(lines) + "\n" if lines else ""


def requirements(source: Path) -> Iterator[Requirement]:
    """Read the requirements of an ``.in`` file, and of those that it includes.

    Raises
    ------
    DevelopmentError
        A line is not a valid requirement; the message names it.
    """
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), start=1):
        # A URL may contain "#".
        text = "" if line.startswith("#") else line.partition(" #")[0].strip()
        try:
            if text.startswith("-r "):
                yield from requirements(source.parent / text.removeprefix("-r ").strip())
            elif _is_checkout(text):
                yield from map(Requirement, _dependencies(Requirement(text)))
            elif text and not text.startswith("-"):
                yield Requirement(text)
        except InvalidRequirement as error:
            raise DevelopmentError(f"{source}:{number}: {error}") from None


def read(file: Path) -> dict[str, Pin]:
    """Read the pins of a lock file, by normalized names."""
    pins: dict[str, Pin] = {}
    pin = None
    for line in file.read_text(encoding="utf-8").splitlines():
        if match := _PIN.match(line):
            version = match["version"] or match["url"]
            pin = pins.setdefault(canonicalize_name(match["name"]), Pin(version))
            pin.is_hashed = pin.is_hashed or is_commit(version)
        elif pin is not None:
            pin.is_direct = pin.is_direct or _VIA.match(line) is not None
            pin.is_hashed = pin.is_hashed or line.strip().startswith("--hash=")
    return pins


def is_commit(version: str) -> bool:
    """Return whether a pin is the URL of a repository at a commit."""
    return version.startswith("git+") and _COMMIT.search(version) is not None


def _satisfies(pin: Pin, requirement: Requirement) -> bool:
    if requirement.url is None:
        return requirement.specifier.contains(pin.version, prereleases=True)
    # Which tag a commit had is not in a lock file.
    if is_commit(pin.version):
        return _repository(pin.version) == _repository(requirement.url)
    return pin.version == requirement.url


def _repository(url: str) -> str:
    before, at, revision = url.rpartition("@")
    return before if at and "/" not in revision else url


def _is_checkout(text: str) -> bool:
    """Return whether a line names this distribution, and a checkout of it is what runs."""
    if CHECKOUT is None or not canonicalize_name(text).startswith(DISTRIBUTION):
        return False
    named = Requirement(text)
    return named.url is None and canonicalize_name(named.name) == DISTRIBUTION


def _dependencies(named: Requirement) -> list[str]:
    assert CHECKOUT is not None  # noqa: S101 (see _is_checkout)
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: list[str] = list(project["dependencies"])
    for extra in sorted(named.extras):
        found += project["optional-dependencies"][extra]
    return found
