"""AWS's limits that the modules and functions can reach, read from ``limits.toml``."""

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
    unguarded
        Why none does; then guard, below and above are left out.
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
    seen
        Whether the page, a copy of it, or AWS's model of the API showed the value then. Rows where
        none did are named in docs/first-apply.md.
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
    wanted: dict[str, type] = {"value": int, "checked": datetime.date}
    wanted |= dict.fromkeys(_TEXTS | ({"unguarded"} if "unguarded" in row else _GUARDED), str)
    for key, kind in wanted.items():
        if type(row.get(key)) is not kind or not row[key]:
            raise LimitsError(f"{name}: {key} must be given, as {kind.__name__}")
    for key, kind in _OPTIONAL.items():
        if key in row and type(row[key]) is not kind:
            raise LimitsError(f"{name}: {key} must be a {kind.__name__}")
    if unknown := row.keys() - wanted.keys() - _OPTIONAL.keys():
        raise LimitsError(f"{name}: {', '.join(sorted(unknown))} means nothing")
    if not row["source"].startswith("https://docs.aws.amazon.com/"):
        raise LimitsError(f"{name}: source must be the address of a page of AWS")
    defaults = {"written": str(row["value"]), **dict.fromkeys(_GUARDED, "")}
    return Limit(name=name, **{**defaults, **row})
