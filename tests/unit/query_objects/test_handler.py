"""query_objects, as its author would test it: events and a store in memory, and a real DuckDB."""

import gzip
import json
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest

from object_consumer import DeadlineError, PermanentError, SettingError, SkippedError
from object_consumer.budget import Unlimited
from object_consumer.testing import BUCKET, MemoryStore, StoredObject, make_event
from query_objects import configuration
from tests.unit.query_objects.conftest import Load

CSV = b"id,total\n007,1.10\n12345678901234567890,12345678901234567.89\n"
ROWS = [("007", "1.10"), ("12345678901234567890", "12345678901234567.89")]


def query(
    module: ModuleType, key: str, body: bytes, store: MemoryStore | None = None
) -> StoredObject:
    """Process one file, and return its output."""
    store = store or MemoryStore()
    fields = module.handler.function(store.upload(key, body), store)
    stored = store.stored(fields["output"].removeprefix(f"s3://{BUCKET}/"))
    assert fields["output_bytes"] == len(stored.body)
    return stored


def rows(parquet: StoredObject, tmp_path: Path) -> list[Any]:
    path = tmp_path / "read.parquet"
    path.write_bytes(parquet.body)
    return duckdb.connect().execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()


def refusal(module: ModuleType, key: str, body: bytes) -> str:
    """Process a file that is refused; return the reason."""
    with pytest.raises(PermanentError) as caught:
        query(module, key, body)
    message = str(caught.value)
    assert "query_objects-" not in message, "no path of the ephemeral storage"
    assert "\n" not in message, "one line in a log and in a dead letter's attribute"
    return message


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("a.csv", CSV),
        ("a.csv.gz", gzip.compress(CSV, mtime=0)),
        ("a.tsv", CSV.replace(b",", b"\t")),
        (
            "a.jsonl",
            b"""{"id": "007", "total": 1.10}
                {"id": 12345678901234567890, "total": 12345678901234567.89}""",
        ),
        (
            "a.json",
            b"""[{"id": "007", "total": 1.10},
                {"id": 12345678901234567890, "total": 12345678901234567.89}]""",
        ),
    ],
)
def test_each_format_becomes_parquet_with_all_digits(
    load: Load, tmp_path: Path, key: str, body: bytes
) -> None:
    store = MemoryStore()

    written = query(load(), f"in/{key}", body, store)

    assert rows(written, tmp_path) == ROWS
    assert store.keys() == [f"in/{key}", f"out/in/{key}.parquet"]
    assert written.content_type == "application/vnd.apache.parquet"
    assert written.metadata == {
        "source": f"s3://{BUCKET}/in/{key}",
        "source-version": "version-1",
    }


def test_parquet_is_read_with_its_own_types(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    duckdb.connect().execute(f"COPY (SELECT 1::BIGINT AS a, DATE '2026-01-02' AS b) TO '{path}'")

    written = query(load("SELECT a + 1 AS a, b FROM input"), "in.parquet", path.read_bytes())

    assert rows(written, tmp_path)[0][0] == 2


@pytest.mark.parametrize(
    ("output_format", "ends", "content_type", "body"),
    [
        ("csv", [".csv", ".csv.gz"], "text/csv", b'a,b\n007,1.10\n,""\n'),
        (
            "jsonl",
            [".jsonl", ".jsonl.gz"],
            "application/x-ndjson",
            b'{"a":"007","b":1.10}\n{"a":null,"b":null}\n',
        ),
        (
            "json",
            [".json", ".json.gz"],
            "application/json",
            b'[\n\t{"a":"007","b":1.10},\n\t{"a":null,"b":null}\n]\n',
        ),
    ],
)
def test_text_formats_are_written_plain_or_compressed(
    load: Load, output_format: str, ends: list[str], content_type: str, body: bytes
) -> None:
    types = '{"b": "DECIMAL(4,2)"}' if output_format != "csv" else "{}"
    source = b'a,b\n007,1.10\n,""\n'
    settings = {"OUTPUT_FORMAT": output_format, "COLUMN_TYPES": types}
    store = MemoryStore()

    plain = query(load(**settings), "a.parquet.csv", source, store)
    packed = query(load(**settings, OUTPUT_COMPRESSION="gzip"), "a.parquet.csv", source, store)

    assert plain.body == gzip.decompress(packed.body) == body
    assert plain.content_type == packed.content_type == content_type
    assert (plain.content_encoding, packed.content_encoding) == (None, "gzip")
    assert store.keys()[1:] == [f"out/a.parquet.csv{end}" for end in ends]


def test_parquet_with_a_name_that_is_not_utf_8_is_refused(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    duckdb.connect().execute(f"COPY (SELECT 1 AS abcd) TO '{path}'")
    damaged = path.read_bytes().replace(b"abcd", b"ab\xff\xfe")

    assert "DuckDB can't read this file" in refusal(load(), "in.parquet", damaged)


def test_the_same_version_gives_the_same_bytes(load: Load) -> None:
    body = b"a,b\n" + b"".join(b"%d,%d\n" % (i % 7, i) for i in range(20_000))
    store = MemoryStore()
    module = load("SELECT a, count(*) AS n FROM input GROUP BY a UNION ALL SELECT b, 1 FROM input")
    event = store.upload("a.csv", body)

    first = module.handler.function(event, store)
    second = module.handler.function(event, store)

    versions = store.transport.versions[BUCKET, "out/a.csv.parquet"]
    assert first["rows"] == second["rows"] == 20_007
    assert len(versions) == 2
    assert versions[0].body == versions[1].body


def test_the_partition_comes_from_the_key(load: Load) -> None:
    store = MemoryStore()
    pattern = r"(?P<year>\d{4})/(?P<month>\d\d)/"

    query(load(PARTITION_PATTERN=pattern), "in/2026/01/a.csv", CSV, store)

    assert store.keys() == ["in/2026/01/a.csv", "out/year=2026/month=01/in/2026/01/a.csv.parquet"]
    message = refusal(load(PARTITION_PATTERN=pattern), "in/a.csv", CSV)
    assert "the key 'in/a.csv' doesn't match PARTITION_PATTERN" in message


def test_the_query_knows_the_source(load: Load) -> None:
    sql = "SELECT key, bucket, version, event_time, id FROM input, source LIMIT 1"

    written = query(load(sql, OUTPUT_FORMAT="jsonl"), "it's.csv", CSV)

    assert json.loads(written.body) == {
        "key": "it's.csv",
        "bucket": BUCKET,
        "version": "version-1",
        "event_time": "2026-01-01 00:00:01",
        "id": "007",
    }


def test_an_input_format_makes_the_extension_irrelevant(load: Load) -> None:
    store = MemoryStore()
    module = load(INPUT_FORMAT="csv")

    query(module, "a", CSV, store)
    query(module, "a.parquet", CSV, store)

    assert set(store.keys()) == {"a", "a.parquet", "out/a.parquet", "out/a.parquet.parquet"}


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("QUERY", "", "QUERY is required"),
        ("QUERY", "SELEC 1", "QUERY: Parser Error"),
        ("QUERY", "SELECT 1; SELECT 2", "QUERY has SELECT and SELECT; accepted: one SELECT"),
        ("QUERY", "-- nothing", "QUERY has no statement"),
        ("QUERY", "COPY (SELECT 1) TO 'x'", "QUERY has COPY"),
        ("QUERY", "SET threads = 4", "accepted: one SELECT"),
        ("QUERY", "PIVOT input ON a", "write PIVOT with IN"),
        ("QUERY", "SELECT $a", "QUERY has a parameter"),
        ("QUERY", "SELECT a, now() FROM input", "QUERY uses now, whose result differs"),
        ("QUERY", "SELECT current_date", "QUERY uses current_date"),
        ("QUERY", "SELECT * FROM input ORDER BY RANDOM()", "QUERY uses random"),
        ("QUERY", "SELECT * FROM input USING SAMPLE 5 ROWS", "QUERY uses a sample"),
        ("QUERY_URI", "s3://b/k", "set QUERY or QUERY_URI, not both"),
        ("QUERY_URI", "https://example.com/a.sql", "QUERY_URI is 'https://example.com/a.sql'"),
        ("OUTPUT_BUCKET", "", "OUTPUT_BUCKET is required"),
        ("OUTPUT_FORMAT", "xml", "OUTPUT_FORMAT is 'xml'; accepted: one of csv, json, jsonl"),
        ("OUTPUT_COMPRESSION", "zip", "OUTPUT_COMPRESSION is 'zip'"),
        ("INPUT_FORMAT", "xlsx", "INPUT_FORMAT is 'xlsx'"),
        ("COLUMN_TYPES", "[]", "COLUMN_TYPES is '[]'"),
        ("COLUMN_TYPES", '{"a": "NUMBER(3)"}', "COLUMN_TYPES: 'a' is 'NUMBER(3)'"),
        ("COLUMN_TYPES", '{"a": "INT); DROP"}', "COLUMN_TYPES: 'a' is"),
        ("INPUT_OPTIONS", '{"ignore_errors": true}', "INPUT_OPTIONS has 'ignore_errors'"),
        ("INPUT_OPTIONS", '{"skip": "2"}', "INPUT_OPTIONS: 'skip' is '2'"),
        ("INPUT_OPTIONS", '{"delim": "||"}', "accepted: one ASCII character"),
        ("INPUT_OPTIONS", '{"encoding": "klingon"}', "'encoding' is 'klingon'"),
        ("PARTITION_PATTERN", "(", "PARTITION_PATTERN is '('"),
        ("PARTITION_PATTERN", "a", "accepted: a regular expression with named groups"),
        ("THREADS", "0", "THREADS is '0'"),
        ("MAX_OBJECT_BYTES", "0", "MAX_OBJECT_BYTES is '0'"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256", "query_objects needs at least 384"),
    ],
)
def test_a_bad_setting_fails_at_init_and_is_named(
    load: Load, variable: str, value: str, message: str
) -> None:
    with pytest.raises(SettingError) as caught:
        load(**({"query": value} if variable == "QUERY" else _with(variable, value)))
    assert message in str(caught.value)


def _with(variable: str, value: str) -> dict[str, str]:
    """Set a variable; a URI takes the place of the query, unless both are to be set."""
    return {variable: value} | ({"query": ""} if value.startswith("https:") else {})


def test_the_query_may_be_an_object(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = MemoryStore()
    objects.upload("a.sql", b"SELECT id FROM input LIMIT 1")
    objects.upload("bad.sql", b"SELEC")
    monkeypatch.setattr(configuration, "ObjectStore", lambda: objects)

    module = load("", QUERY_URI=f"s3://{BUCKET}/a.sql", OUTPUT_FORMAT="csv")

    assert query(module, "a.csv", CSV).body == b"id\n007\n"
    with pytest.raises(SettingError, match="QUERY_URI: Parser Error"):
        load("", QUERY_URI=f"s3://{BUCKET}/bad.sql")


@pytest.mark.parametrize(
    ("body", "options", "expected"),
    [
        (b"a;b\n1;'x;y'\n", {"delim": ";", "quote": "'"}, [("1", "x;y")]),
        (b"report\n\na,b\n1,2\n", {"skip": 2}, [("1", "2")]),
        ("a,b\né,ü\n".encode("latin-1"), {"encoding": "latin-1"}, [("é", "ü")]),
        ("a,b\né,ü\n".encode("utf-16"), {"encoding": "utf-16"}, [("é", "ü")]),
        (b"a,b\nNA,-\n", {"nullstr": ["NA", "-"]}, [(None, None)]),
        (b"a,b\n1\n", {"null_padding": True}, [("1", None)]),
        (b"a,b\n1,2\n", {"names": ["x", "y"]}, [("1", "2")]),
        (b"1,2\n", {"header": False}, [("1", "2")]),
        (b'a,b\n1,"x\\"y"\n', {"escape": "\\"}, [("1", 'x"y')]),
        (b'a,b\n1,x"y\n', {"quote": ""}, [("1", 'x"y')]),
        (b"a,b\n# x\n1,2\n", {"comment": "#"}, [("1", "2")]),
        (b"a,b\n1," + b"x" * 2_100_000, {"max_line_size": 3_000_000}, [("1", "x" * 2_100_000)]),
    ],
)
def test_options_of_csv(
    load: Load, tmp_path: Path, body: bytes, options: dict[str, object], expected: list[object]
) -> None:
    written = query(load(INPUT_OPTIONS=json.dumps(options)), "a.csv", body)

    assert rows(written, tmp_path) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "FROM input",
        "WITH a AS (FROM input) SELECT * FROM a; -- all of it",
        "PIVOT input ON id IN ('007') USING count(*)",
    ],
)
def test_any_form_of_a_query_is_accepted(load: Load, sql: str) -> None:
    query(load(sql), "a.csv", CSV)


@pytest.mark.parametrize(
    ("key", "body", "message"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"a,b\n1,2\n3\n", "line 3: Expected Number of Columns: 2 Found: 1"),
        ("a.csv", b"a,b\n1,2,3\n", "line 2: Expected Number of Columns: 2 Found: 3"),
        ("a.csv", b'a,b\n1,"2\n', "line 2: Value with unterminated quote found"),
        ("a.csv", b"a,b\n1,\xff\n", "line 2: Invalid unicode"),
        ("a.csv", b"a\xff,b\n1,2\n", "the header is not UTF-8"),
        ("a.csv", b"a,A\n1,2\n", "the columns 'a' and 'A' differ only in case"),
        ("a.csv", b"a,a\n1,2\n", "the header has the column 'a' twice"),
        ("a.csv", b"a,\n1,2\n", "the name of column 2 is empty"),
        ("a.csv", b"a\n" + b"x" * 2_100_000 + b"\n", "line 2: Maximum line size of 2000000 bytes"),
        ("a.csv", b"x" * 2_100_000, "the header is longer than 2,000,000 bytes"),
        ("a.jsonl", b'{"a": 1}\n{"a": 1, }\n', "line 2, column 10"),
        ("a.jsonl", b'{"a": 1}\n{"a": 1, "a": 2}\n', "line 2, column 10: a second 'a'"),
        ("a.jsonl", b'{"a": 1}\n[1]\n', "record 2 is an array; a row is an object"),
        ("a.jsonl", b'{"a": 1, "A": 2}\n', "differ only in case"),
        ("a.jsonl", b"\n \n", "the file is empty"),
        ("a.json", b"[1, null]", "record 1 is a number"),
        ("a.json", b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        ("a.json", b"{" + b",".join(b'"c%d": 1' % i for i in range(5001)) + b"}", "5,000 columns"),
        ("a.parquet", b"no Parquet at all", "Invalid Input Error"),
        ("a.parquet", b"PAR1" + b"\xff" * 40 + b"\xff\xff\xff\x7fPAR1", "Error"),
        ("a.csv.gz", gzip.compress(CSV, mtime=0)[:20], "is incomplete"),
        ("a.xlsx", b"", "file type '.xlsx' of 'a.xlsx'; known: .json"),
    ],
)
def test_a_bad_file_is_refused_with_its_position(
    load: Load, key: str, body: bytes, message: str
) -> None:
    assert message in refusal(load(), key, body)


@pytest.mark.parametrize("key", ["a.csv.gz", "a.jsonl.gz", "a.json.gz"])
def test_a_decompression_bomb_is_refused(load: Load, key: str) -> None:
    bomb = gzip.compress(b" " * 20_000_000, 9)

    assert "bytes" in refusal(load(MAX_OBJECT_BYTES="1000000"), key, bomb)


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("BIGINT", "1.5", "record 2, column 'b': '1.5' doesn't fit BIGINT"),
        ("BIGINT", "x", "record 2, column 'b': 'x' doesn't fit BIGINT"),
        ("TINYINT", "300", "record 2, column 'b': '300' doesn't fit TINYINT"),
        ("DECIMAL(10,2)", "1.159", "'1.159' doesn't fit DECIMAL(10,2)"),
        ("DATE", "2026-02-30", "'2026-02-30' doesn't fit DATE"),
        ("BOOLEAN", "perhaps", "'perhaps' doesn't fit BOOLEAN"),
    ],
)
@pytest.mark.parametrize("key", ["a.csv", "a.jsonl"])
def test_a_value_that_does_not_fit_its_type_is_refused_and_never_rounded(
    load: Load, key: str, kind: str, value: str, reason: str
) -> None:
    body = (
        f"a,b\n1,\n2,{value}\n"
        if key == "a.csv"
        else f'{{"a": 1, "b": null}}\n{{"a": 2, "b": "{value}"}}\n'
    )

    message = refusal(load(COLUMN_TYPES=json.dumps({"b": kind})), key, body.encode())

    assert reason in message


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("BIGINT", "5.0", 5),
        ("DECIMAL(38,2)", "12345678901234567.89", "12345678901234567.89"),
        ("DECIMAL(10,2)", "1.1000", "1.10"),
        ("DOUBLE", "1e3", 1000.0),
        ("VARCHAR", "1.10", "1.10"),
    ],
)
def test_declared_types_are_exact(
    load: Load, tmp_path: Path, kind: str, value: str, expected: object
) -> None:
    module = load(COLUMN_TYPES=json.dumps({"b": kind, "missing": "DATE"}))

    written = query(module, "a.jsonl", f'{{"b": {value}}}\n'.encode())

    ((found, missing),) = rows(written, tmp_path)
    assert missing is None
    assert str(found) == str(expected)


def test_nested_values_are_json_text_or_of_a_declared_type(load: Load) -> None:
    body = b'{"order": {"lines": [{"n": 1.10}]}, "tags": ["a", "b"]}\n'
    sql = "SELECT order->>'$.lines[0].n' AS n, tags[2] AS tag FROM input"

    written = query(
        load(
            sql.replace("order", '"order"'),
            OUTPUT_FORMAT="jsonl",
            COLUMN_TYPES='{"tags": "VARCHAR[]"}',
        ),
        "a.jsonl",
        body,
    )

    assert written.body == b'{"n":"1.10","tag":"b"}\n'


@pytest.mark.parametrize(
    ("sql", "output_format", "message"),
    [
        ("SELECT nope FROM input", "parquet", 'Referenced column "nope" not found'),
        ("SELECT CAST(id AS DATE) AS a FROM input", "parquet", "Conversion Error"),
        (
            "SELECT sum(length(id)) AS a FROM input",
            "parquet",
            "HUGEINT, which Parquet doesn't have",
        ),
        ("SELECT NULL AS a FROM input", "parquet", "NULL, which Parquet doesn't have"),
        ("SELECT [1.10] AS a FROM input", "jsonl", "would lose digits"),
        ("SELECT 1 // 0 AS a FROM input", "csv", "Divi"),
    ],
)
def test_a_query_that_does_not_fit_the_file_is_permanent(
    load: Load, sql: str, output_format: str, message: str
) -> None:
    assert message in refusal(load(sql, OUTPUT_FORMAT=output_format), "a.csv", CSV)


def test_a_file_that_does_not_fit_into_memory_and_storage_says_what_to_raise(load: Load) -> None:
    sql = "SELECT list(hash(i, j)) AS a FROM range(100000) t(i), range(100000) u(j)"

    message = refusal(load(sql, AWS_LAMBDA_FUNCTION_MEMORY_SIZE="384"), "a.csv", CSV)

    assert "raise memory_size or ephemeral_storage_mb" in message


def test_rows_that_do_not_fit_into_the_storage_say_what_to_raise(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load()
    monkeypatch.setattr(Path, "open", lambda *_: open("/dev/full", "w+b"))  # noqa: PTH123, SIM115

    message = refusal(module, "a.jsonl", b'{"a": 1}\n' * 200_000)

    assert (
        "doesn't fit into the ephemeral storage: raise the function's ephemeral_storage_mb"
        in message
    )


def test_a_removal_is_skipped_and_an_own_output_refused(load: Load) -> None:
    module = load()
    store = MemoryStore()
    with pytest.raises(SkippedError):
        module.handler.function(make_event("a.csv", event_name="ObjectRemoved:Delete"), store)
    with pytest.raises(PermanentError, match="in a loop"):
        module.handler.function(store.upload("out/a.csv", CSV), store)


def test_a_query_is_ended_when_the_invocation_gives_the_file_up(load: Load) -> None:
    class GivenUp(Unlimited):
        checks = 0

        def check(self) -> None:
            self.checks += 1
            if self.checks > 20:
                raise DeadlineError("given up")

    sql = "SELECT count(*)::BIGINT AS n FROM range(1000000000) a, range(1000000000) b"
    module = load(sql)
    store = MemoryStore(reservation=GivenUp())
    process = module.PROCESS

    with pytest.raises(DeadlineError):
        module.handler.function(store.upload("a.csv", CSV), store)

    assert query(load(), "a.csv", CSV).body.startswith(b"PAR1"), "the next one has a new process"
    assert process is module.PROCESS


def test_nothing_stays_in_the_ephemeral_storage(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    module = load()

    query(module, "a.csv", CSV)
    refusal(module, "a.csv", b"")

    assert list(tmp_path.iterdir()) == []


# From https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
CLOUDFRONT_FIELDS = """
    date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)
    cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header
    cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher
    x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port
    time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start
    sc-range-end
"""
CLOUDFRONT_VALUES = """
    2019-12-04 21:02:31 LAX1 392 192.0.2.100 GET d111111abcdef8.cloudfront.net /index.html 200 -
    Mozilla/5.0%20(X11;%20"quoted) - - Hit SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ=
    d111111abcdef8.cloudfront.net https 23 0.001 - TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 Hit
    HTTP/2.0 - - 11040 0.001 Hit text/html 78 - -
"""


def test_the_logs_of_cloudfront(load: Load) -> None:
    fields, values = CLOUDFRONT_FIELDS.split(), "\t".join(CLOUDFRONT_VALUES.split())
    log = f"#Version: 1.0\n#Fields: {' '.join(fields)}\n{values}\n{values}\n".encode()
    options = {"names": fields, "header": False, "comment": "#", "quote": ""}
    module = load(
        """SELECT date, "cs-method" AS method, "sc-status" AS status, "cs(Referer)" AS referer,
           count(*) AS requests FROM input GROUP BY ALL""",
        INPUT_FORMAT="tsv",
        INPUT_OPTIONS=json.dumps({**options, "nullstr": "-"}),
        COLUMN_TYPES='{"date": "DATE", "sc-status": "SMALLINT"}',
        OUTPUT_FORMAT="jsonl",
    )

    written = query(module, "EMLARXS9EXAMPLE.2019-11-14-20.RT4KCN4SGK9.gz", gzip.compress(log))

    assert json.loads(written.body) == {
        "date": "2019-12-04",
        "method": "GET",
        "status": 200,
        "referer": None,
        "requests": 2,
    }


# From https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
ALB_FIELDS = """
    type time elb client target request_processing_time target_processing_time
    response_processing_time elb_status_code target_status_code received_bytes sent_bytes request
    user_agent ssl_cipher ssl_protocol target_group_arn trace_id domain_name chosen_cert_arn
    matched_rule_priority request_creation_time actions_executed redirect_url error_reason
    target_list target_status_code_list classification classification_reason conn_trace_id
"""
ALB_LINE = (
    "http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 "
    '10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://www.example.com:80/ HTTP/1.1" '
    '"curl/7.46.0" - - arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/'
    'my-targets/73e2d6bc24d8a067 "Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 '
    '2018-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef\n'
)


def test_the_logs_of_a_load_balancer(load: Load) -> None:
    module = load(
        """SELECT time, split_part(request, ' ', 1) AS method, elb_status_code, sent_bytes,
           target_processing_time, redirect_url FROM input""",
        INPUT_FORMAT="csv",
        INPUT_OPTIONS=json.dumps(
            {"names": ALB_FIELDS.split(), "header": False, "delim": " ", "nullstr": "-"}
        ),
        COLUMN_TYPES=json.dumps(
            {
                "time": "TIMESTAMP",
                "elb_status_code": "SMALLINT",
                "sent_bytes": "BIGINT",
                "target_processing_time": "DECIMAL(9,3)",
            }
        ),
        OUTPUT_FORMAT="jsonl",
    )

    written = query(module, "a_20180702T2225Z_10.0.0.1_x.log.gz", gzip.compress(ALB_LINE.encode()))

    assert json.loads(written.body) == {
        "time": "2018-07-02 22:23:00.186641",
        "method": "GET",
        "elb_status_code": 200,
        "sent_bytes": 366,
        "target_processing_time": 0.001,
        "redirect_url": None,
    }


@pytest.mark.parametrize(
    ("sql", "settings"),
    [
        (
            "SELECT eventName AS event_name, n->>'$.a' AS a FROM input",
            {"RECORDS_MEMBER": "Records"},
        ),
        (
            """SELECT record->>'eventName' AS event_name, record->>'$.n.a' AS a
               FROM (SELECT unnest(CAST(Records AS JSON[])) AS record FROM input)""",
            {},
        ),
    ],
)
def test_the_records_of_cloudtrail(load: Load, sql: str, settings: dict[str, str]) -> None:
    records = [{"eventName": "StartInstances", "n": {"a": 1}}, {"eventName": "StopLogging"}]
    body = json.dumps({"Records": records}).encode()

    written = query(
        load(sql, OUTPUT_FORMAT="csv", **settings), "CloudTrail/a.json.gz", gzip.compress(body)
    )

    assert written.body == b"event_name,a\nStartInstances,1\nStopLogging,\n"
