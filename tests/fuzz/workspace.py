"""Where fuzzing keeps its files: all of it in build/fuzz."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.findings import ROOT, Findings


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders of fuzzing.

    Attributes
    ----------
    root
        The folder of all.
    """

    root: Path = ROOT / "build" / "fuzz"

    @property
    def findings(self) -> Findings:
        """What was found in the last attack."""
        return Findings(self.root / "findings")

    def corpus(self, target: str) -> Path:
        """Inputs that reached something new, of this attack and of those before."""
        return self._folder("corpus", target)

    def artifacts(self, target: str) -> Path:
        """What libFuzzer leaves of an input that ended its process."""
        return self._folder("artifacts", target)

    def progress(self, target: str, engine: str) -> Path:
        """How far an engine is."""
        return self._folder("progress") / f"{target}-{engine}.json"

    def current(self, target: str, engine: str) -> Path:
        """The input that an engine tries now, for the case that it is its last."""
        return self._folder("progress") / f"{target}-{engine}.input"

    def log(self, target: str, engine: str) -> Path:
        """What an engine prints."""
        return self._folder("logs") / f"{target}-{engine}.log"

    def _folder(self, *names: str) -> Path:
        folder = self.root.joinpath(*names)
        folder.mkdir(parents=True, exist_ok=True)
        return folder
