"""The Python examples in the README run unchanged."""

import gzip
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from object_consumer import PermanentError
from object_consumer.testing import BUCKET, MemoryStore, MemoryTransport

ROOT = Path(__file__).resolve().parents[3]
README = ROOT / "README.md"
CONSUMER = ROOT / "modules" / "sqs-lambda-consumer" / "README.md"
LEDGER = ROOT / "modules" / "processing-ledger" / "README.md"


def blocks(page: Path = README) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def function_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Save the function where the README says."""
    folder = tmp_path / "check_documents"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "handler.py").write_text(blocks()[0])
    monkeypatch.syspath_prepend(tmp_path)
    # The example sets these; here they are removed again.
    monkeypatch.setenv("OUTPUT_BUCKET", BUCKET)
    monkeypatch.setenv("OUTPUT_PREFIX", "processed/")
    for name in ("check_documents", "check_documents.handler"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def test_the_readme_shows_a_function_and_its_test(function_folder: Path) -> None:
    _, its_test, _ = blocks()
    del os.environ["OUTPUT_BUCKET"], os.environ["OUTPUT_PREFIX"]

    exec(compile(its_test, str(README), "exec"), {})  # noqa: S102 (the README's own code)


def test_the_function_rejects_what_the_readme_says(function_folder: Path) -> None:
    from check_documents.handler import handler  # type: ignore[import-not-found] # noqa: PLC0415

    store = MemoryStore()
    with pytest.raises(PermanentError, match=r"a\.pdf is not a PDF"):
        handler.function(store.upload("a.pdf", b"text"), store)


def test_a_function_reads_and_writes_a_large_file_in_parts() -> None:
    names: dict[str, Any] = {}
    exec(compile(blocks()[2], str(README), "exec"), names)  # noqa: S102 (the README's own code)
    store = MemoryStore()
    rows = b"order,customer,total\n" + b"1001,a,2.50\n" * 100_000

    fields = names["handler"].function(store.upload("a.csv.gz", gzip.compress(rows)), store)

    assert fields == {"output": f"s3://{BUCKET}/processed/a.csv.gz"}
    assert store.stored("processed/a.csv.gz").body == b"1001,2.50\n" * 100_000


def test_a_function_goes_on_where_its_last_invocation_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names: dict[str, Any] = {}
    (example,) = blocks(LEDGER)
    exec(compile(example, str(LEDGER), "exec"), names)  # noqa: S102 (the page's own code)
    transport = MemoryTransport()
    event = MemoryStore(transport=transport).upload("in/a.jsonl", b"1\n2\n3\n")
    cursor, progress = None, []

    while True:
        store = MemoryStore(transport=transport, cursor=cursor, seconds_left=lambda: 19.0)
        result = names["handler"].function(event, store)
        if result is None:
            break
        cursor = result.cursor
        progress.append(result.progress)

    assert progress == ["2 of 6 bytes", "4 of 6 bytes", "6 of 6 bytes"]
    assert capsys.readouterr().out.count("send") == 3


def test_a_function_without_the_runtime_reports_what_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names: dict[str, Any] = {}
    (example,) = blocks(CONSUMER)
    exec(compile(example, str(CONSUMER), "exec"), names)  # noqa: S102 (the page's own code)
    file = {"s3": {"bucket": {"name": "files"}, "object": {"key": "a+b.json"}}}
    bodies = {"good": {"Records": [file]}, "test": {"Event": "s3:TestEvent"}}
    records = [
        {"messageId": name, "body": json.dumps(body), "eventSource": "aws:sqs"}
        for name, body in bodies.items()
    ]

    answer = names["lambda_handler"]({"Records": records}, None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "test"}]}
    assert "process files a b.json" in capsys.readouterr().out
