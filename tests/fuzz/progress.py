"""What an engine's process tells the one that started it: by a small file, written now and then."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.fuzz.metering import Cost

# Of smaller inputs, what any input costs is the most.
_SMALL = 1_000


@dataclass(slots=True)
class Progress:
    """How far an engine is.

    Attributes
    ----------
    runs, metered
        Inputs tried, and those of them whose cost was looked at.
    peak, steps
        The most bytes and steps for each byte of an input of 1,000 bytes or more.
    """

    runs: int = 0
    metered: int = 0
    peak: float = 0.0
    steps: float = 0.0

    def count(self, cost: Cost | None, size: int) -> None:
        """Count an input."""
        self.runs += 1
        if cost is not None:
            self.metered += 1
            if size >= _SMALL:
                self.peak = max(self.peak, cost.peak / size)
                self.steps = max(self.steps, cost.steps / size)


@dataclass(slots=True)
class Reporter:
    """Writes an engine's progress, once a second at most.

    Parameters
    ----------
    path
        The file.
    """

    path: Path
    progress: Progress = field(default_factory=Progress)
    _next: float = 0.0

    def count(self, cost: Cost | None, size: int) -> None:
        """Count an input; see `Progress.count`."""
        self.progress.count(cost, size)
        if time.monotonic() >= self._next:
            self.write()

    def write(self) -> None:
        """Write what was counted."""
        self._next = time.monotonic() + 1
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self.progress)), encoding="utf-8")
        part.replace(self.path)


def read(path: Path) -> Progress:
    """Read how far an engine is."""
    try:
        return Progress(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Progress()
