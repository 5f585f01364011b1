"""A query reaches its own file and nothing else, and its errors are short."""

import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from query_objects.job import Check, Job, Source
from query_objects.query import QueryError, check, run

SOURCE = Source(uri="s3://b/k", bucket="b", key="k", version="1", event_time="2026-01-01T00:00:00")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "temporary").mkdir()
    (tmp_path / "job" / "input").write_text("a,b\n1,x\n", encoding="utf-8")
    (tmp_path / "secret.csv").write_text("secret\n1\n", encoding="utf-8")
    return tmp_path


def job(folder: Path, sql: str, *, memory: int = 200_000_000, result_format: str = "csv") -> Job:
    return Job(
        sql=sql,
        source=SOURCE,
        path=str(folder / "job" / "input"),
        kind="csv",
        columns=["a", "b"],
        options={"delim": ",", "quote": '"', "escape": '"', "header": True},
        result=str(folder / "job" / "result"),
        result_format=result_format,
        compression="uncompressed",
        temporary=str(folder / "job" / "temporary"),
        memory=memory,
        disk=100_000_000,
        threads=1,
    )


def test_a_query_reads_its_file(folder: Path) -> None:
    assert run(job(folder, "SELECT b FROM input")) == 1
    assert (folder / "job" / "result").read_text(encoding="utf-8") == "b\nx\n"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{0}/secret.csv')",
        "SELECT * FROM '{0}/secret.csv'",
        "SELECT * FROM read_text('{0}/secret.csv')",
        "SELECT * FROM read_blob('{0}/job/../secret.csv')",
        "SELECT * FROM read_json('{0}/secret.csv')",
        "SELECT * FROM read_parquet('{0}/secret.csv')",
        "SELECT * FROM read_text('/proc/self/environ')",
        "SELECT * FROM read_text('/proc/self/fd/0')",
        "SELECT * FROM glob('{0}/*')",
        "SELECT * FROM sniff_csv('{0}/secret.csv')",
        "SELECT * FROM parquet_metadata('{0}/secret.csv')",
        "SELECT * FROM query('ATTACH ''{0}/secret.csv''')",
        "SELECT * FROM query('COPY (SELECT 1) TO ''{0}/written''')",
    ],
)
def test_a_query_can_not_read_another_file(folder: Path, sql: str) -> None:
    with pytest.raises(QueryError, match=r"disabled by configuration|Expected a single SELECT"):
        run(job(folder, sql.format(folder)))
    assert not (folder / "written").exists()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT getenv('PATH')",
        "SELECT * FROM folder",
        "SELECT * FROM os",
        "SELECT * FROM sqlite_scan('{0}/secret.csv', 'a')",
        "SELECT * FROM postgres_scan('host=example.com', 'a', 'b')",
    ],
)
def test_a_query_can_not_read_variables_or_load_extensions(folder: Path, sql: str) -> None:
    assert os.environ
    with pytest.raises(QueryError, match=r"does not exist|not in the catalog"):
        run(job(folder, sql.format(folder)))


def test_a_query_can_not_send_a_request(folder: Path) -> None:
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def parse_request(self) -> bool:
            requests.append(self.client_address)
            return False

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/a.csv"
        for sql in (f"FROM read_csv('{url}')", f"FROM '{url}'", "FROM read_csv('s3://b/a.csv')"):
            with pytest.raises(QueryError, match="disabled by configuration"):
                run(job(folder, sql))
        server.shutdown()

    assert requests == []


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH 'x.db'",
        "COPY (SELECT 1) TO 'x.csv'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '1TB'",
        "RESET memory_limit",
        "PRAGMA memory_limit = '1TB'",
        "CREATE TABLE a AS SELECT 1",
        "EXPORT DATABASE 'x'",
        "CALL pragma_version()",
        "EXPLAIN SELECT 1",
        "SELECT 1; INSTALL httpfs",
    ],
)
def test_only_one_select_is_a_query(sql: str) -> None:
    with pytest.raises(QueryError, match="accepted: one SELECT"):
        check(Check(variable="QUERY", sql=sql, column_types={}))


def test_settings_are_locked(folder: Path) -> None:
    # What a check at init would refuse.
    for sql in (
        "SET threads = 8",
        "SET allowed_paths = ['/']",
        "SET enable_external_access = true",
    ):
        with pytest.raises(QueryError, match="configuration has been locked"):
            run(job(folder, sql))


def test_memory_and_storage_are_bounded(folder: Path) -> None:
    wide = "SELECT list(hash(i, j)) AS a FROM range(100000) t(i), range(100000) u(j)"
    sorted_pairs = "SELECT hash(i, j) AS a FROM range(10000) t(i), range(10000) u(j) ORDER BY a"

    for sql in (wide, sorted_pairs):
        with pytest.raises(QueryError) as caught:
            run(job(folder, sql, memory=60_000_000))
        assert "raise memory_size or ephemeral_storage_mb" in str(caught.value)
    assert list((folder / "job" / "temporary").iterdir()) == []


def test_a_full_disk_says_what_to_raise(folder: Path) -> None:
    one = job(folder, "SELECT hash(i) AS a FROM range(10000000) t(i)", result_format="parquet")
    one.result = "/dev/full"

    with pytest.raises(QueryError, match="raise memory_size or ephemeral_storage_mb"):
        run(one)


def test_an_error_names_the_place_in_the_query_and_no_path(folder: Path) -> None:
    with pytest.raises(QueryError) as caught:
        run(job(folder, "SELECT a,\n       nope\nFROM input"))

    message = str(caught.value)
    assert 'Referenced column "nope" not found' in message
    assert "LINE 2:" in message
    assert str(folder) not in message
