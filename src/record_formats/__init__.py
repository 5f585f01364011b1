"""Read and write records in JSON, JSON Lines and CSV, without losing digits.

A record is the text of a JSON value (`msgspec.Raw`), so numbers keep their spelling. Files of any
size are read and written in constant memory. Malformed input raises `RecordFormatError`, which is
permanent and names line and column.
"""

from record_formats.errors import RecordFormatError
from record_formats.inputs import EXTENSIONS, Input, input_format, load_input
from record_formats.naming import output_key
from record_formats.positions import BEGIN, Batch, Position
from record_formats.reading import read_batches, read_records
from record_formats.records import Records
from record_formats.writing import FORMATS, OutputFormat, Source, write_records

__all__ = [
    "BEGIN",
    "EXTENSIONS",
    "FORMATS",
    "Batch",
    "Input",
    "OutputFormat",
    "Position",
    "RecordFormatError",
    "Records",
    "Source",
    "input_format",
    "load_input",
    "output_key",
    "read_batches",
    "read_records",
    "write_records",
]
