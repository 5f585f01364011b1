"""A file: its records in every output format, none lost or changed, or an error with the place."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from object_consumer import PermanentError
from object_consumer.memory import Allowance, MemoryLimitError
from record_formats import FORMATS, Records, Source, read_records, write_records
from tests.fuzz import strategies
from tests.fuzz.metering import Bound
from tests.fuzz.target import Target, choose, join, promise, promise_words, split

_INPUTS = ("csv", "json", "jsonl", "tsv")
_WAYS = {f"{kind} {output}": (kind, output) for kind in _INPUTS for output in FORMATS}
_SOURCE = Source("s3://bucket/a b.csv", "version-1", datetime(2026, 1, 2, tzinfo=UTC))
# What CSV's columns are, beside text.
_COLUMN_TYPES = {"column 1": {"integer"}, "b": {"number", "boolean"}}
# Bytes that a file may take beside itself.
_LIMIT = 8 * 1024 * 1024
_PLACE = re.compile(r"line (\d+), column (\d+): .")
# Errors about the whole file.
_NO_PLACE = re.compile(r"the file is (empty|compressed|UTF-)|nested too deeply")
_OUTPUT_ERROR = re.compile(r"record \d+: ")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a file: records and output, or the error of reading or of writing."""

    records: Records | None = None
    output: IO[bytes] | None = None
    error: PermanentError | RecursionError | None = None


def work(data: bytes) -> Result:
    how, content = split(data)
    kind, output = choose(how, _WAYS)
    allowance = Allowance(_LIMIT)
    try:
        records = read_records(lambda: io.BytesIO(content), kind, _COLUMN_TYPES, allowance)
    except PermanentError as error:
        return Result(error=error)
    # On disk, because an output may be larger than the memory.
    target = tempfile.TemporaryFile()  # noqa: SIM115 - read and closed by judge
    try:
        write_records(records, output, _SOURCE, target, allowance=allowance)
    except (PermanentError, RecursionError) as error:
        target.close()
        # transform_objects makes a permanent error of records that are too deep for an output.
        return Result(records, error=error)
    return Result(records, target)


def judge(data: bytes, result: Result) -> None:
    how, content = split(data)
    kind, output = choose(how, _WAYS)
    if isinstance(result.error, PermanentError):
        text = str(result.error)
        promise_words(text, data)
        if result.records is None and not isinstance(result.error, MemoryLimitError):
            found = _PLACE.match(text)
            promise(found or _NO_PLACE.search(text), f"no place in {text!r}")
            last = 1 + content.count(b"\n") + content.count(b"\r")
            promise(found is None or int(found[1]) <= last, f"{text!r} is about no line of {last}")
        elif not isinstance(result.error, MemoryLimitError):
            promise(_OUTPUT_ERROR.match(text), f"no record in {text!r}")
        return
    if result.output is None or result.records is None:
        return
    with result.output as target:
        target.seek(0)
        content_written = target.read()
    written = _written(content_written, output)
    promise(written == len(result.records), f"{written} of {len(result.records)} records written")
    if kind in {"json", "jsonl"} and output == "json":
        _compare(content, kind, content_written)


def _written(output: bytes, kind: str) -> int:
    """Count an output's records."""
    match kind:
        case "json":
            # Whoever reads it follows less deep than what wrote it.
            try:
                # Numbers keep digits that Python makes no number of.
                document = json.loads(output, parse_int=str)
            except RecursionError:
                return int(re.findall(rb'"record_count":(\d+)', output)[0])
            promise(int(document["record_count"]) == len(document["records"]), "wrong record_count")
            return len(document["records"])
        case "jsonl":
            return output.count(b"\n")
        case _:
            rows = list(csv.reader(io.StringIO(output.decode(), newline="")))
            promise(len({len(row) for row in rows}) == 1, "rows of several lengths")
            return len(rows) - 1


def _compare(content: bytes, kind: str, output: bytes) -> None:
    """Every value comes out as it came in, numbers with all their digits."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode()

    def load(document: str) -> object:
        return json.loads(document, parse_int=str, parse_float=str)

    try:
        if kind == "json":
            value = load(text)
            before = value if isinstance(value, list) else [value]
        else:
            before = [load(line) for line in text.split("\n") if line.strip()]
        after = json.loads(output, parse_int=str, parse_float=str)["records"]
        promise(before == after, f"other values: {output[:200]!r}")
    except RecursionError:
        return


_files = {
    "csv": strategies.csv_texts,
    "tsv": strategies.csv_texts,
    "json": strategies.any_json,
    "jsonl": strategies.jsonl_texts,
}

_WIDE = strategies.table([f"{'x' * 1_000}{n}" for n in range(40)], 300, "1")
_LATE_NAME = f'{{{",".join(f'"{n}":0' for n in range(4_000))},"0":1}}'


TARGET = Target(
    work=work,
    judge=judge,
    inputs=strategies.tried(_WAYS, _files),
    example=b"csv json\na,b\n1,2.50\n",
    known={
        "many columns and rows": lambda: join("csv json", _WIDE),
        "many columns and rows, as a table": lambda: join("csv csv", _WIDE),
        "fields of their own": lambda: join("jsonl csv", strategies.own_fields(800)),
        "a giant field": lambda: join("csv jsonl", f'a,b\n1,"{"x" * 2_000_000}"\n'),
        "a giant field of quotes": lambda: join("csv json", f'a,b\n1,"{'""' * 500_000}"\n'),
        "a giant field that is never closed": lambda: join("csv json", f'a\n"{"x" * 2_000_000}'),
        "many rows": lambda: join("csv json", "a\n" + "1\n" * 4_000),
        "empty lists": lambda: join("json json", strategies.repeated("[]", 10_000)),
        "a second name, late": lambda: join("json json", _LATE_NAME),
        "4,301 digits in a column of integers": lambda: join(
            "csv json", f"column 1\n{'9' * 4_301}\n"
        ),
        "400,000 digits": lambda: join("json csv", f'{{"a":{"9" * 400_000}}}'),
    },
    # However large the records of a file would be, they are made in what is allowed. The rest is
    # the file itself, taken from behind the input's first line, and what is too small to count.
    bound=Bound(bytes_each=1, steps_each=20, bytes_free=_LIMIT + _LIMIT // 16),
    tokens=(b'","', b'""', b"\r\n", b"\t", b'"_source"', b"\\u005f", b"\\ud83d\\ude00", b'{"a":'),
)
