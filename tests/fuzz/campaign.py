"""An attack on several targets: each has its share of the time, with both engines side by side."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.fuzz import progress
from tests.fuzz.findings import ROOT
from tests.fuzz.workspace import Workspace

# What an engine may take for the input that it tries when its time is up.
_GRACE_SECONDS = 60
_POLL_SECONDS = 0.5
_TOLD_SECONDS = 15

type Say = Callable[[str], None]


def engines() -> list[str]:
    """Name the engines that there are: Atheris has no wheels for some platforms."""
    found = ["hypothesis"]
    if importlib.util.find_spec("atheris") is not None:
        found.insert(0, "atheris")
    return found


def attack(
    targets: Sequence[str],
    *,
    seconds: float,
    seed: int,
    workspace: Workspace,
    say: Say,
) -> list[str]:
    """Attack targets one after the other, and give what was found.

    Parameters
    ----------
    targets
        Their names.
    seconds
        For all of them together.
    seed
        The engines' chance begins with it.
    workspace
        Where files go; its findings are those of this attack afterwards.
    say
        Told of the progress, a line at a time.
    """
    for old in workspace.findings.folder.glob("*"):
        old.unlink()
    ends = time.time() + seconds
    for position, target in enumerate(targets):
        left = ends - time.time()
        until = time.time() + max(1.0, left / (len(targets) - position))
        _attack(target, until=until, seed=seed, workspace=workspace, say=say)
    return workspace.findings.told()


def _attack(target: str, *, until: float, seed: int, workspace: Workspace, say: Say) -> None:
    names = engines()
    for name in names:
        workspace.progress(target, name).unlink(missing_ok=True)
    began = time.time()
    with _running(target, names, until, seed, workspace) as processes:
        tell_at = began + _TOLD_SECONDS
        while any(process.poll() is None for process in processes.values()):
            if time.time() > until + _GRACE_SECONDS:
                break
            if time.time() > tell_at:
                tell_at += _TOLD_SECONDS
                say(_line(target, began, until, names, workspace))
            time.sleep(_POLL_SECONDS)
        for name, process in processes.items():
            _look_at_end(target, name, process, workspace)
    say(_line(target, began, until, names, workspace))


@contextmanager
def _running(
    target: str, names: Sequence[str], until: float, seed: int, workspace: Workspace
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    processes = {}
    try:
        for name in names:
            with workspace.log(target, name).open("wb") as log:
                processes[name] = subprocess.Popen(
                    [sys.executable, "-m", f"tests.fuzz.with_{name}", target]
                    + ["--until", str(until), "--seed", str(seed)]
                    + ["--workspace", str(workspace.root)],
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def _look_at_end(
    target: str, engine: str, process: subprocess.Popen[bytes], workspace: Workspace
) -> None:
    """Make a finding of an engine that did not end by itself, and well."""
    code = process.poll()
    if code == 0:
        return
    what = f"{engine} had to be stopped" if code is None else f"{engine} ended with code {code}"
    left = sorted(workspace.artifacts(target).iterdir()) if engine == "atheris" else []
    current = workspace.current(target, engine)
    for path in left:
        workspace.findings.add_untold(target, path.read_bytes(), f"{what}: {path.name}")
        path.unlink()
    if not left:
        data = current.read_bytes() if current.exists() else b""
        workspace.findings.add_untold(target, data, f"{what}: {workspace.log(target, engine)}")


def _line(
    target: str, began: float, until: float, names: Sequence[str], workspace: Workspace
) -> str:
    parts = [f"{target:<12} {time.time() - began:>4.0f} of {until - began:.0f} s"]
    told = [progress.read(workspace.progress(target, name)) for name in names]
    parts += [f"{name} {one.runs:,} runs" for name, one in zip(names, told, strict=True)]
    peak, steps = max(one.peak for one in told), max(one.steps for one in told)
    parts.append(f"at most {peak:.0f} bytes and {steps:.1f} steps a byte")
    parts.append(f"{len(workspace.findings.told())} findings")
    return "; ".join(parts)
