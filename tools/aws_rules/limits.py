"""AWS's limits that the modules and functions can reach, read from ``limits.toml``."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

FILE = Path(__file__).with_name("limits.toml")


class LimitsError(ValueError):
    """The table is wrong; the message says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit, and what becomes of a value beyond it.

    Attributes
    ----------
    name
        Of the row.
    value
        The largest value that AWS takes.
    unit
        Of the value: characters, bytes, seconds, ...
    reached_by
        What of ours can reach it: a variable, or what a function sends.
    guard
        The file that refuses a larger value at plan, or deals with it at run time.
    written
        The limit as the guard has it, where that is another number or text than the value: what a
        module adds to a name or a list is taken off.
    outcome
        What becomes of a larger value.
    below, above
        The tests of a value at the limit, and of one above: ``<file>::<name of the run or test>``.
    source
        Address of AWS's page.
    checked
        When the page was last looked at.
    """

    name: str
    value: int
    unit: str
    reached_by: str
    guard: str
    written: str
    outcome: str
    below: str
    above: str
    source: str
    checked: datetime.date


_TEXTS = frozenset(field.name for field in fields(Limit)) - {"name", "value", "checked", "written"}


@cache
def load(file: Path = FILE) -> Mapping[str, Limit]:
    """Read the table: limits by the row's name, in the order of the file.

    Raises
    ------
    LimitsError
        A row lacks what it must have, or has what means nothing.
    """
    return parse(file.read_text(encoding="utf-8"))


def parse(text: str) -> Mapping[str, Limit]:
    """Read a table from its text; see ``load``.

    Raises
    ------
    LimitsError
        A row lacks what it must have, or has what means nothing.
    """
    rows = tomllib.loads(text)["limits"]
    return MappingProxyType({name: _read(name, row) for name, row in rows.items()})


def _read(name: str, row: Mapping[str, Any]) -> Limit:
    wanted = {"value": int, "checked": datetime.date} | dict.fromkeys(_TEXTS, str)
    for key, kind in wanted.items():
        if type(row.get(key)) is not kind or not row[key]:
            raise LimitsError(f"{name}: {key} must be given, as {kind.__name__}")
    if unknown := row.keys() - wanted.keys() - {"written"}:
        raise LimitsError(f"{name}: {', '.join(sorted(unknown))} means nothing")
    if not row["source"].startswith("https://docs.aws.amazon.com/"):
        raise LimitsError(f"{name}: source must be the address of a page of AWS")
    return Limit(name=name, **{"written": str(row["value"]), **row})
