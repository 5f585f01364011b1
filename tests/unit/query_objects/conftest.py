"""The function as Lambda imports it, with one process of DuckDB for all tests."""

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from object_consumer.testing import BUCKET
from query_objects import process
from query_objects.process import QueryProcess

type Load = Callable[..., ModuleType]


@pytest.fixture(scope="session")
def duckdb_process() -> Iterator[QueryProcess]:
    started = QueryProcess(most_memory=2**40)
    yield started
    started.end()


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, duckdb_process: QueryProcess) -> Load:
    """Import the handler with these variables."""
    monkeypatch.setattr(process, "QueryProcess", lambda _: duckdb_process)

    def imported(query: str = "SELECT * FROM input", **environment: str) -> ModuleType:
        defaults = {"OUTPUT_BUCKET": BUCKET, "OUTPUT_PREFIX": "out/", "QUERY": query}
        for name, value in {**defaults, **environment}.items():
            monkeypatch.setenv(name, value)
        sys.modules.pop("query_objects.handler", None)
        return importlib.import_module("query_objects.handler")

    return imported
