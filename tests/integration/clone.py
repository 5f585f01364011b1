"""A clone of this checkout, in which what `make help` lists is run as a newcomer would run it."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What is run, in this order, with these arguments.
TARGETS: Mapping[str, Sequence[str]] = {
    "help": (),
    "setup": (),
    "package": (),
    "lock": ("CHECK=1",),
    "docs": (),
    "fmt": (),
    "bench": ("QUICK=1",),
    "deploy": (),
    "destroy": (),
    "clean": (),
}
# Large, locked by hashes, and checked by set-up: used where they are instead of installed again.
# The plans are those of the same files, by their hash.
SHARED_TOOLS = (
    *(
        ".tools/bin/uv",
        ".tools/lambda-runtime",
        ".tools/localstack",
        ".tools/plans",
        ".tools/security",
    ),
)
# What the make that runs the tests would pass on, and what changes what a target does.
NOT_PASSED_ON = {
    *("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "PYTHONPATH", "VIRTUAL_ENV"),
    *("ARCHITECTURE", "CHECK", "COST_OPTIONS", "FILES", "FUNCTION", "KEEP", "NAME", "QUICK"),
    *("SIZE", "VAR_FILE"),
}


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a target.

    Attributes
    ----------
    code
        The exit code of make.
    output
        What it printed, errors included.
    changed, left
        The tracked files that are no longer as they were, and the files that git ignores.
    """

    code: int
    output: str
    changed: str
    left: str


@dataclass(frozen=True)
class Clone:
    """The files that git tracks, as they are now, in a repository of their own.

    Targets run one after the other in the background, behind everything else that wants to run.
    """

    folder: Path
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))
    _runs: dict[str, Future[Ran]] = field(default_factory=dict)

    def make(self) -> None:
        """Copy the files and commit them."""
        tracked = _git(ROOT, "ls-files", "-z").split("\0")
        for name in filter(None, tracked):
            if (source := ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, self.folder / name)
        _git(self.folder, "init", "--quiet")
        _git(self.folder, "add", "--all")
        identity = ("-c", "user.name=clone", "-c", "user.email=clone@example.com")
        _git(self.folder, *identity, "commit", "--quiet", "--no-gpg-sign", "--message", "as it is")
        for name in SHARED_TOOLS:
            if (ROOT / name).exists():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / name).symlink_to((ROOT / name).resolve())

    def start(self, targets: Mapping[str, Sequence[str]]) -> None:
        """Run targets with these arguments, in this order."""
        for target, arguments in targets.items():
            self._runs[target] = self._pool.submit(self._run, target, *arguments)

    def ran(self, target: str) -> Ran:
        """Wait until a target was run, and tell what became of it."""
        return self._runs[target].result()

    def end(self) -> None:
        """Run no more targets; the one that runs is waited for."""
        self._pool.shutdown(cancel_futures=True)

    def _run(self, *arguments: str) -> Ran:
        done = in_background("make", *arguments, folder=self.folder)
        changed = _git(self.folder, "status", "--porcelain")
        everything = _git(self.folder, "status", "--porcelain", "--ignored")
        left = "\n".join(line for line in everything.splitlines() if line.startswith("!!"))
        return Ran(done.returncode, done.stdout, changed, left)


def in_background(
    *command: str, folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command as a newcomer would, behind everything else that wants to run.

    Parameters
    ----------
    environment
        More variables than those of the tests that are passed on.
    """
    passed_on = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    return subprocess.run(
        ["nice", *command],
        check=False,
        cwd=folder,
        env={**passed_on, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], check=True, cwd=folder, stdout=subprocess.PIPE, text=True
    )
    return done.stdout
