"""What fuzzing finds: an input for each fault, what it did, and the command that does it again."""

from __future__ import annotations

import hashlib
import re
import shlex
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What differs between inputs of one fault.
_PARTICULARS = re.compile(r"\d+|'[^']*'|\"[^\"]*\"|\[.*\]|s3://\S+", re.DOTALL)
_SHOWN = 200


class Findings:
    """A folder of findings: of each fault the smallest input, and a text beside it.

    Parameters
    ----------
    folder
        Where they are; several processes may write into it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, target: str, data: bytes, error: BaseException) -> str:
        """Keep an input that did what no input may, unless a smaller one is known; name its fault.

        Two inputs with the same name show the same fault.
        """
        told = "".join(traceback.format_exception(error))
        signature = _signature(error)
        self._write(target, signature, data, told)
        return signature

    def add_untold(self, target: str, data: bytes, what: str) -> None:
        """Keep an input that ended its process, or kept it busy for too long."""
        self._write(target, what, data, f"{what}\n")

    def told(self) -> list[str]:
        """Return each finding's target, last line and command, ready to be printed."""
        found = []
        for path in sorted(self.folder.glob("*.txt")):
            lines = path.read_text(encoding="utf-8").splitlines()
            what = next(line for line in reversed(lines[2:]) if line.strip())
            found.append(f"{path.stem}: {what[:_SHOWN]}\n  {lines[0]}")
        return found

    def _write(self, target: str, signature: str, data: bytes, told: str) -> None:
        digest = hashlib.sha256(signature.encode(errors="replace")).hexdigest()[:8]
        path = self.folder / f"{target}-{digest}"
        if path.exists() and size_order(path.read_bytes()) <= size_order(data):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        text = f"{command(target, path)}\n\n{told}"
        path.with_name(f"{path.name}.txt").write_text(text, encoding="utf-8", errors="replace")


def command(target: str, path: Path) -> str:
    """Return the command that tries an input again."""
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f".venv/bin/python -m tests.fuzz try {target} {shlex.quote(str(shown))}"


def size_order(data: bytes) -> tuple[int, bytes]:
    """Sort inputs: shorter ones first."""
    return len(data), data


def _signature(error: BaseException) -> str:
    """Name a fault: by its error and where that was raised, or by which promise was broken."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    said = _PARTICULARS.sub("", str(error)[:_SHOWN]) if isinstance(error, AssertionError) else ""
    return f"{type(error).__name__} {place} {said}"
