"""One target under Hypothesis: inputs are made by its strategies, and driven to cost more.

Run as a process of its own, so that one that never ends, or ends badly, is a finding as well.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import resource
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.progress import Reporter
from tests.fuzz.target import Target
from tests.fuzz.targets import load
from tests.fuzz.workspace import Workspace

_ROUND = 200
_HANG_SECONDS = 40
# After the end, in which inputs are still made; less than an engine is waited for.
_LATE_SECONDS = 10
_MOST_BYTES = 4 * 1024**3
# Some of the inputs are handed to Atheris, to begin with.
_SHARED = 500
_SHARED_OF = 5
_LONGEST_SHARED = 16 * 1024


class _TimeIsUpError(BaseException):
    """Ends Hypothesis's round, which takes no other error for a reason to stop at once."""


class HangError(BaseException):
    """An input took more time than any may."""


def main() -> None:
    """Attack until the time is up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--until", type=float, required=True, help="seconds since the epoch")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--workspace", type=Path, required=True)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    warnings.simplefilter("ignore")
    target = load(options.target)
    # Hypothesis may be at work on an input of its own for long, where nobody looks at the clock.
    signal.signal(signal.SIGALRM, _on_end)
    signal.alarm(max(1, math.ceil(options.until - time.time())) + _LATE_SECONDS)
    attack(
        options.target,
        target,
        workspace=Workspace(options.workspace),
        seed=options.seed,
        is_over=lambda: time.time() >= options.until,
    )


def attack(
    name: str, target: Target, *, workspace: Workspace, seed: int, is_over: Callable[[], bool]
) -> None:
    """Try inputs, round by round, at least one."""
    target.attack(target.example, meter=False)
    reporter = Reporter(workspace.progress(name, "hypothesis"))
    current = workspace.current(name, "hypothesis")

    # Faults whose input is as small as it gets: nothing is to be learnt from another.
    settled: set[str] = set()
    latest = ""

    def attempt(data: bytes) -> None:
        nonlocal latest
        if reporter.progress.runs and is_over():
            raise _TimeIsUpError
        current.write_bytes(data)
        _share(workspace.corpus(name), data, reporter.progress.runs)
        left = signal.alarm(_HANG_SECONDS)
        before = signal.signal(signal.SIGALRM, _on_hang)
        began = time.monotonic()
        try:
            cost = target.attack(data)
        except BaseException as error:
            reporter.count(None, len(data))
            latest = workspace.findings.add(name, data, error)
            if latest in settled:
                return
            raise
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
            if left:
                signal.alarm(max(1, left - int(time.monotonic() - began)))
        reporter.count(cost, len(data))
        # Hypothesis looks for inputs that cost more than those before.
        hypothesis.target(cost.peak / (len(data) + 1_000), label="bytes")
        hypothesis.target(cost.steps / (len(data) + 1_000), label="steps")

    with contextlib.suppress(_TimeIsUpError):
        while True:
            try:
                _round(target, seed, attempt)
            except _TimeIsUpError:
                break
            except BaseException as error:  # noqa: BLE001 (it is kept already, as small as it gets)
                print(f"{type(error).__name__}: {error}", flush=True)
                settled.add(latest)
            seed += 1
            if is_over():
                break
        signal.alarm(0)
    reporter.write()
    current.unlink(missing_ok=True)


def _round(target: Target, seed: int, attempt: Callable[[bytes], None]) -> None:
    settled = settings(
        max_examples=_ROUND,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.target, Phase.shrink],
        report_multiple_bugs=False,
    )
    hypothesis.seed(seed)(settled(given(target.inputs)(attempt)))()


def _share(folder: Path, data: bytes, number: int) -> None:
    if number < _SHARED * _SHARED_OF and not number % _SHARED_OF and len(data) <= _LONGEST_SHARED:
        (folder / f"hypothesis-{number // _SHARED_OF}").write_bytes(data)


def _on_hang(*_: object) -> None:
    raise HangError(f"no answer within {_HANG_SECONDS} seconds")


def _on_end(*_: object) -> None:
    raise _TimeIsUpError


if __name__ == "__main__":
    main()
