"""A file through a whole function: done or dead-lettered for good, in the memory that there is."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import time
from copy import replace
from dataclasses import dataclass
from functools import cache, partial
from types import ModuleType
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from load_records.table import Answer, Table
from object_consumer.testing import BUCKET, MemoryStore, MemoryTransport, MemoryUpload
from object_consumer.transport import Body, PutHeaders
from tests.fuzz import strategies
from tests.fuzz.findings import ROOT
from tests.fuzz.metering import Bound
from tests.fuzz.target import Target, choose, join, promise, split
from tests.unit.object_consumer.consumer import Consumer, FakeContext
from tests.unit.object_consumer.deliveries import batch

_MEGABYTES = 128
_SECONDS = 60
_SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "number"}, "id": {"multipleOf": 1}, "v": {"uniqueItems": True}},
}
_TRANSFORM = {"OUTPUT_BUCKET": BUCKET, "OUTPUT_PREFIX": "out/"}
_LOAD = {"TABLE_NAME": "orders", "PARTITION_KEY": "id"}
# The functions with their settings.
_FUNCTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "to json": ("transform_objects", {"OUTPUT_FORMAT": "json", "JSON_SCHEMA": json.dumps(_SCHEMA)}),
    "to jsonl": ("transform_objects", {"OUTPUT_FORMAT": "jsonl"}),
    "to csv": ("transform_objects", {"OUTPUT_FORMAT": "csv", "OUTPUT_GZIP": "true"}),
    "to table": ("load_records", {"PARTITION_KEY_TYPE": "S"}),
    "to table by number": ("load_records", {"PARTITION_KEY_TYPE": "N"}),
}
_WAYS = {f"{kind} {name}": (kind, name) for kind in ("csv", "json", "jsonl") for name in _FUNCTIONS}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a file.

    Attributes
    ----------
    failed, dead_letters
        How many messages are tried again, and how many were dead-lettered.
    lines
        The function's log.
    outputs
        What it has written.
    """

    failed: int
    dead_letters: int
    lines: list[dict[str, Any]]
    outputs: int


class _Discarded(MemoryUpload):
    """An upload whose bytes leave the process, as on Lambda."""

    def part(self, number: int, body: Body) -> None:  # noqa: ARG002 (discarded)
        super().part(number, b"")


class _Transport(MemoryTransport):
    def start_upload(self, bucket: str, key: str, headers: PutHeaders) -> MemoryUpload:
        return _Discarded(self, bucket, key, headers)


def work(data: bytes) -> Result:
    how, content = split(data)
    kind, name = choose(how, _WAYS)
    module = _module(name)
    ends = time.monotonic() + _SECONDS
    consumer = Consumer(
        module.handler.function,
        context=FakeContext(remaining=lambda: ends - time.monotonic()),
        settings={"memory": _MEGABYTES * 1024 * 1024},
        store=MemoryStore(transport=_Transport()),
    )
    event = consumer.upload(f"in/a.{kind}", content)
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        failed = consumer(batch(event))
    return Result(
        failed=len(failed),
        dead_letters=len(consumer.queue.dead_letters),
        lines=[json.loads(line) for line in filter(None, written.getvalue().split("\n"))],
        outputs=len(
            [key for _, key in consumer.store.transport.versions if key.startswith("out/")]
        ),
    )


def judge(data: bytes, result: Result) -> None:
    (line,) = [line for line in result.lines if "outcome" in line]
    reason = f"{line.get('error_type')}: {line.get('error_message')}"
    promise(not result.failed, f"it is tried again, which won't help: {reason}")
    promise(line["outcome"] in {"done", "permanent"}, f"{line['outcome']}: {reason}")
    promise(
        result.dead_letters == (line["outcome"] == "permanent"), f"dead-lettered, or not: {reason}"
    )
    if line["outcome"] == "done" and "output" in line:
        promise(result.outputs == 1, f"{result.outputs} outputs")


@cache
def _module(name: str) -> ModuleType:
    """Import a function's module with its settings, apart from where others import it."""
    package, settings = _FUNCTIONS[name]
    path = ROOT / "functions" / package / "handler.py"
    spec = importlib.util.spec_from_file_location(f"{__name__}.{name.replace(' ', '_')}", path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = importlib.util.module_from_spec(spec)
    defaults = _TRANSFORM if package == "transform_objects" else _LOAD
    memory = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(_MEGABYTES)}
    with patch.dict(os.environ, defaults | settings | memory):
        spec.loader.exec_module(module)
    if package == "load_records":
        table = Table("orders", lambda _: Answer(200, b"{}"))
        module.LOADER = replace(module.LOADER, table=table)  # type: ignore[attr-defined]
    return module


_records = strategies.json_objects(
    st.sampled_from(["id", "a", "v", "_source"]) | strategies.unicode_text, strategies.any_json
)
_files = {
    "csv": strategies.csv_texts,
    "json": strategies.any_json | _records,
    "jsonl": strategies.jsonl_texts | st.lists(_records, max_size=5).map("\n".join),
}


_WIDE = strategies.table(["id", *(f"{'x' * 1_000}{n}" for n in range(40))], 400, "1")


TARGET = Target(
    work=work,
    judge=judge,
    inputs=strategies.tried(_WAYS, _files),
    example=b'json to csv\n[{"id":"1","a":2.50}]',
    known={
        f"{how}, {name}": partial(join, f"{kind} {how}", content)
        for how in ("to json", "to jsonl", "to csv", "to table")
        for name, (kind, content) in {
            "fields of their own": ("jsonl", strategies.own_fields(800)),
            "empty lists": ("json", f'{{"id":"1","a":{strategies.repeated("[]", 4_000)}}}'),
            "nested 9,993 deep": ("json", strategies.nested(9_993, "[", "]")),
        }.items()
    }
    | {"to json, many columns and rows": lambda: join("csv to json", _WIDE)},
    # However much is asked for, it is done in what such a function has, or refused.
    bound=Bound(bytes_each=6, steps_each=300, bytes_free=28 * 1024 * 1024, steps_free=2_000_000),
    tokens=(b'"id"', b'"a"', b'"_source"', b'","', b"\r\n", b'{"id":"1","v":'),
)
