"""Inputs that are kept: the smallest that reach each part of a target's code, found by fuzzing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).with_name("corpus")


def read(target: str) -> Iterator[tuple[str, bytes]]:
    """Yield a target's inputs, each with its name."""
    for path in sorted((FOLDER / target).iterdir()):
        yield path.name, path.read_bytes()
