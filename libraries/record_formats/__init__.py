"""Records in JSON, JSON Lines and CSV: from bytes and to bytes, without losing a digit.

A record is kept as the text of a JSON value (`msgspec.Raw`), so numbers come out spelt as they came
in. Everything here is pure; what can't be read raises `RecordFormatError`, which is permanent and
names line and column.
"""

from record_formats.errors import RecordFormatError
from record_formats.reading import EXTENSIONS, input_format, read_records
from record_formats.records import Records
from record_formats.writing import FORMATS, OutputFormat, Source, write_records

__all__ = [
    "EXTENSIONS",
    "FORMATS",
    "OutputFormat",
    "RecordFormatError",
    "Records",
    "Source",
    "input_format",
    "read_records",
    "write_records",
]
