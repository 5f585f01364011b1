"""Positions in a file: where a batch of records ends, and where reading can go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import Raw


class Position(NamedTuple):
    """A position between two records of a file; as a list of integers it can be stored as JSON.

    Attributes
    ----------
    offset
        The bytes before it, in the decompressed file.
    line
        The line, from 1.
    number
        The records before it.
    column
        The column in characters, from 1. A line of JSON may have several records.
    """

    offset: int
    line: int
    number: int
    column: int = 1


BEGIN = Position(0, 1, 0)


class Batch(msgspec.Struct, frozen=True):
    """Consecutive records of a file.

    Attributes
    ----------
    records
        The texts of JSON values, validated.
    end
        The position behind them, where the next batch begins.
    size
        The bytes of memory for the texts.
    """

    records: Sequence[Raw]
    end: Position
    size: int
