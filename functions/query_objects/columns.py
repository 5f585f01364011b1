"""The names of a file's columns: DuckDB needs them distinct, without regard to case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from object_consumer import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_COLUMNS = 5000
_SHOWN_CHARACTERS = 100


def add_columns(columns: dict[str, bytes], names: Iterable[str]) -> None:
    """Add the names that are not among the columns.

    Parameters
    ----------
    columns
        The columns, each with what DuckDB compares: in lower case, of which it knows A to Z.
    names
        Names, in the order of the file.

    Raises
    ------
    PermanentError
        A name is empty or differs from another one only in case, or there are too many.
    """
    folded = {comparable: name for name, comparable in columns.items()}
    for name in names:
        if name in columns:
            continue
        if not name:
            raise PermanentError(f"the name of column {len(columns) + 1} is empty")
        comparable = name.encode().lower()
        if other := folded.get(comparable):
            raise PermanentError(
                f"the columns {other[:_SHOWN_CHARACTERS]!r} and {name[:_SHOWN_CHARACTERS]!r} "
                "differ only in case, which SQL ignores"
            )
        columns[name] = comparable
        folded[comparable] = name
        if len(columns) > MAX_COLUMNS:
            raise PermanentError(
                f"the file has more than {MAX_COLUMNS:,} columns; names that differ from record to "
                "record belong into a nested object"
            )
