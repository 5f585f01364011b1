"""What a user has who applied a release, and what the code that comes after it does to that."""

import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from event_pipelines.terraform import Terraform, TerraformError

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = Path(__file__).resolve().parent / "upgrade"

# The commit that is upgraded from. With a new release in CHANGELOG.md, put that one's here: it is
# its addresses, inputs and outputs that have to be kept, and those before it are no longer tested.
RELEASE = "76f3b8f9eb75bfe155b7a9f768fe73a736618c6c"

# Inputs of modules that are gone since, with what takes their place in CHANGELOG.md.
INPUTS_GONE = {
    "modules/circuit-breaker": {"consumers.timeout", "metrics_namespace"},
    "modules/pipeline-dashboard": {"metrics_namespace"},
}

# A resource may be made, changed in place or left. All else ends it, or its being managed.
# https://developer.hashicorp.com/terraform/internals/json-format#change-representation
KEEPING = (["create"], ["no-op"], ["read"], ["update"])
FUNCTIONS = ("circuit_breaker", "load_records", "log_events", "transform_objects")
FETCH_SECONDS = 120

# Of files as `terraform fmt` leaves them.
_VARIABLE = re.compile(r'^variable "(\w+)" \{$(.*?)^\}$', re.MULTILINE | re.DOTALL)
_TYPE = re.compile(r"^  type +=(.*?)(?=^  \w|\Z)", re.MULTILINE | re.DOTALL)
_TOKEN = re.compile(r"(\w+) *=|[{}]")


class ReleaseError(Exception):
    """The release's code can't be had; the message says what to run."""


def ended(plan: Mapping[str, Any]) -> dict[str, str]:
    """Find what a plan would destroy, replace or forget: the actions by address.

    Parameters
    ----------
    plan
        As ``terraform show -json`` gives it.
    """
    return {
        change["address"]: ", ".join(change["change"]["actions"])
        for change in plan["resource_changes"]
        if change["change"]["actions"] not in KEEPING
    }


def missing(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Name what one value of outputs has and another one lacks, however deep it is."""
    if isinstance(before, dict) and before:
        for key, value in before.items():
            here = f"{path}.{key}".removeprefix(".")
            if not isinstance(after, dict) or key not in after:
                yield here
            else:
                yield from missing(value, after[key], here)


def inputs(module: Path) -> set[str]:
    """List what a module takes: its variables, and the attributes of those that are objects.

    Terraform drops an attribute that a variable's type doesn't have, and says nothing.
    """
    text = (module / "variables.tf").read_text(encoding="utf-8")
    found = set()
    for name, body in _VARIABLE.findall(text):
        found.add(name)
        for kind in _TYPE.findall(body):
            found |= {f"{name}.{path}" for path in attributes(kind)}
    return found


def attributes(kind: str) -> Iterator[str]:
    """List the attributes in the text of a type, such as ``filter.prefixes``."""
    within: list[str] = []
    last = ""
    for token in _TOKEN.finditer(kind):
        if token[0] == "{":
            within.append(last)
        elif token[0] == "}":
            within.pop()
        else:
            last = token[1]
            yield ".".join([*filter(None, within), last])


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What became of a release's stack when this code was applied to it.

    Attributes
    ----------
    ended
        What this code's first plan would have ended; it isn't applied then.
    done
        What its apply did, by address.
    left
        What a plan found to do after that.
    gone
        The release's outputs that are no more.
    """

    ended: Mapping[str, str]
    done: Mapping[str, str]
    left: Mapping[str, str]
    gone: Sequence[str]


class Upgrade:
    """A configuration in which the release is applied, and then the code that is here.

    Parameters
    ----------
    folder
        Where it is put together; the release's files are kept beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.configuration = folder / "configuration"
        self.packages = folder / "packages"
        self._release = folder / "release"
        self._pipeline = self.configuration / "pipeline"

    def write(self) -> None:
        """Write the configuration with the release's modules."""
        extract(RELEASE, self._release)
        _write_packages(self.packages)
        shutil.copytree(CONFIGURATION, self.configuration)
        self._install(self._release)

    def run(self, applying: Future[Terraform]) -> Upgraded:
        """Wait until the release is applied, then go over to the modules that are here."""
        stack = applying.result()
        before = stack.outputs()
        self._install(ROOT)
        try:
            stack.init()
            # Nothing has changed since the release was applied, so nothing is read again.
            plan = stack.plan("-refresh=false")
        except TerraformError:
            # What can't be planned can't be destroyed either.
            self._install(self._release)
            stack.init()
            raise
        if refused := ended(plan):
            return Upgraded(refused, {}, {}, [])
        done = stack.apply_plan()
        return Upgraded({}, done, stack.changes(), [*missing(before, stack.outputs())])

    def _install(self, source: Path) -> None:
        """Exchange the modules; the examples stay what users have copied of the release's."""
        shutil.rmtree(self._pipeline, ignore_errors=True)
        self._pipeline.mkdir()
        for file in source.glob("*.tf"):
            shutil.copy2(file, self._pipeline)
        shutil.copytree(source / "modules", self._pipeline / "modules")
        shutil.copytree(self._release / "examples", self._pipeline / "examples")


def extract(commit: str, folder: Path, repository: Path = ROOT) -> None:
    """Write the files of a commit of a repository into a folder.

    Raises
    ------
    ReleaseError
        The repository doesn't have the commit, and where it is a shallow clone can't fetch it.
    """
    if _git(repository, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
        _fetch(commit, repository)
    archive = _git(repository, "archive", "--format=tar", commit)
    if archive.returncode:
        raise ReleaseError(f"git archive {commit}: {archive.stderr.decode().strip()}")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as opened:
        opened.extractall(folder, filter="data")


def _fetch(commit: str, repository: Path) -> None:
    needed = f"The upgrade test needs the files of commit {commit}"
    shallow = _git(repository, "rev-parse", "--is-shallow-repository")
    if shallow.returncode:
        said = shallow.stderr.decode().strip()
        raise ReleaseError(f"{needed}, and this is not a git repository. Run: git clone. {said}")
    if shallow.stdout.strip() != b"true":
        raise ReleaseError(f"{needed}, and this repository lacks it. Run: git fetch origin")
    fetched = _git(repository, "fetch", "--quiet", "--depth=1", "origin", commit)
    if fetched.returncode:
        said = fetched.stderr.decode().strip()
        raise ReleaseError(
            f"{needed}, and this is a shallow clone. Run: git fetch --unshallow. {said}"
        )


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["git", *arguments],
        check=False,
        cwd=repository,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        capture_output=True,
        timeout=FETCH_SECONDS,
    )


def _write_packages(folder: Path) -> None:
    """Package functions that take whatever they are told of: only their making is tested."""
    folder.mkdir()
    for name in FUNCTIONS:
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as package:
            # Without a time of its own the entry is the same whenever it is written.
            entry = zipfile.ZipInfo(f"{name}/handler.py")
            package.writestr(entry, "def handler(event, context):\n    return {}\n")
