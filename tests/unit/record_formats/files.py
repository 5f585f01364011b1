"""Files and outputs in memory."""

import io
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import msgspec

from record_formats import Records, Source, write_records


def a_file(content: bytes) -> Callable[[], BinaryIO]:
    """Return what opens a file with this content."""
    return lambda: io.BytesIO(content)


def output_of(
    records: Records | Sequence[msgspec.Raw], kind: str, source: Source, **settings: Any
) -> bytes:
    """Return what is written."""
    output = io.BytesIO()
    write_records(records, kind, source, output, **settings)
    return output.getvalue()
