"""What is attacked, one module for each promise."""

from __future__ import annotations

import importlib

from tests.fuzz.target import Target

NAMES = ("envelopes", "batches", "records", "items", "schema", "files", "dead_letters")


def load(name: str) -> Target:
    """Import a target, and only what this one needs."""
    target: Target = importlib.import_module(f"{__name__}.{name}").TARGET
    return target
