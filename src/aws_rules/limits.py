"""The AWS limits that the modules and functions can reach, from ``limits.toml``."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

FILE = Path(__file__).with_name("limits.toml")


class LimitsError(ValueError):
    """The table is invalid; the message says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit, and what happens to a value above it.

    Attributes
    ----------
    name
        The name of the row.
    value
        The largest value that AWS accepts.
    unit
        The unit of the value: characters, bytes, seconds, ...
    reached_by
        What can reach the limit: a variable, or a request of a function.
    guard
        The file that rejects a larger value at plan time, or handles it at run time.
    unguarded
        Why no file does; guard, below and above are then omitted.
    written
        The limit in the guard, if it differs from the value: for instance, a module subtracts what
        it adds to a name or a list.
    outcome
        What happens to a larger value.
    below, above
        The tests of a value at the limit and of one above: ``<file>::<name of the run or test>``.
    source
        Address of AWS's documentation page.
    checked
        When the page was last read.
    seen
        Whether the page, a copy of it, or AWS's API model showed the value. docs/first-apply.md
        lists the rows for which none did.
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
    unguarded: str = ""
    seen: bool = True


_TEXTS = frozenset({"unit", "reached_by", "outcome", "source"})
_GUARDED = frozenset({"guard", "below", "above"})
_OPTIONAL = {"written": str, "seen": bool}


@cache
def load(file: Path = FILE) -> Mapping[str, Limit]:
    """Read the table: the limits by name, in the order of the file.

    Raises
    ------
    LimitsError
        A row lacks what it must have, or has what means nothing.
    """
    return parse(file.read_text(encoding="utf-8"))


def parse(text: str) -> Mapping[str, Limit]:
    """Parse a table; see ``load``.

    Raises
    ------
    LimitsError
        A row lacks what it must have, or has what means nothing.
    """
    rows = tomllib.loads(text)["limits"]
    return MappingProxyType({name: _read(name, row) for name, row in rows.items()})


def _read(name: str, row: Mapping[str, Any]) -> Limit:
    wanted: dict[str, type] = {"value": int, "checked": datetime.date}
    wanted |= dict.fromkeys(_TEXTS | ({"unguarded"} if "unguarded" in row else _GUARDED), str)
    for key, kind in wanted.items():
        if type(row.get(key)) is not kind or not row[key]:
            raise LimitsError(f"{name}: {key} must be given, as {kind.__name__}")
    for key, kind in _OPTIONAL.items():
        if key in row and type(row[key]) is not kind:
            raise LimitsError(f"{name}: {key} must be a {kind.__name__}")
    if unknown := row.keys() - wanted.keys() - _OPTIONAL.keys():
        raise LimitsError(f"{name}: unknown keys {', '.join(sorted(unknown))}")
    if not row["source"].startswith("https://docs.aws.amazon.com/"):
        raise LimitsError(f"{name}: source must be the address of an AWS page")
    defaults = {"written": str(row["value"]), **dict.fromkeys(_GUARDED, "")}
    return Limit(name=name, **{**defaults, **row})
