"""Files in the layouts in which AWS services write them to S3."""

import gzip
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from object_consumer import PermanentError
from object_consumer.testing import BUCKET, MemoryStore

FILES = Path(__file__).parent / "aws_files"
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html
CLOUDTRAIL = (
    "AWSLogs/123456789012/CloudTrail/eu-west-1/2026/01/02/"
    "123456789012_CloudTrail_eu-west-1_20260102T0305Z_Mu0KsOhtH1ar15ZZ.json.gz"
)
# https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html
FIREHOSE = "2026/01/02/03/stream-1-2026-01-02-03-04-05-11111111-2222-3333-4444-555555555555"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html
CLOUDFRONT = "logs/EMLARXS9EXAMPLE.2026-01-02-03.RT4KCN4SGK9.gz"
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
LOAD_BALANCER = (
    "AWSLogs/123456789012/elasticloadbalancing/eu-west-1/2026/01/02/123456789012_elasticloadbalancing"
    "_eu-west-1_app.my-loadbalancer.1234567890abcdef_20260102T0305Z_192.0.2.1_20sg8hgm.log.gz"
)


def transform(monkeypatch: pytest.MonkeyPatch, key: str, body: bytes, **settings: str) -> list[Any]:
    """Return the records of the output, with numbers as their text."""
    for name, value in ({"OUTPUT_BUCKET": BUCKET, "OUTPUT_PREFIX": "out/"} | settings).items():
        monkeypatch.setenv(name, value)
    module = importlib.reload(importlib.import_module("transform_objects.handler"))
    store = MemoryStore()
    fields = module.handler.function(store.upload(key, body), store)
    assert fields["output"] == f"s3://{BUCKET}/out/{key}.json"
    output = json.loads(store.stored(f"out/{key}.json").body, parse_float=str, parse_int=str)
    assert int(output["record_count"]) == len(output["records"])
    return list(output["records"])


def a_file(name: str) -> bytes:
    return (FILES / name).read_bytes()


@pytest.mark.parametrize("part", [1, 100, 128 * 1024])
def test_each_event_of_cloudtrail_is_a_record(monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    monkeypatch.setattr("record_formats.text.PART", part)

    records = transform(
        monkeypatch, CLOUDTRAIL, gzip.compress(a_file("cloudtrail.json")), RECORDS_MEMBER="Records"
    )

    assert [record["eventName"] for record in records] == ["PutObject", "GetBucketAcl"]
    assert records[0]["additionalEventData"] == {"bytesTransferredIn": "1.10E+3"}


def test_without_the_setting_the_document_is_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    records = transform(monkeypatch, CLOUDTRAIL, gzip.compress(a_file("cloudtrail.json")))

    assert [list(record) for record in records] == [["Records"]]


@pytest.mark.parametrize("part", [1, 50, 128 * 1024])
def test_objects_of_data_firehose_have_no_delimiter_and_no_extension(
    monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr("record_formats.text.PART", part)

    records = transform(monkeypatch, FIREHOSE, a_file("firehose"), INPUT_FORMAT="jsonl")

    assert records == [
        {"ticker": "AMZN", "price": "84.50", "change": "-0.10"},
        {"ticker": "a}{b", "price": "1e2", "change": "0"},
        {"ticker": "ÄÖ", "price": "7", "change": "1"},
    ]


def test_a_key_without_extension_says_which_setting_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(PermanentError, match=r"file type 'none' .* INPUT_FORMAT"):
        transform(monkeypatch, FIREHOSE, a_file("firehose"))


def test_a_file_that_was_compressed_twice_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = gzip.compress(gzip.compress(a_file("firehose")))

    with pytest.raises(PermanentError, match=r"compressed twice: switch off .* Data Firehose's"):
        transform(monkeypatch, FIREHOSE + ".gz", twice, INPUT_FORMAT="jsonl")


@pytest.mark.parametrize(
    ("key", "name", "settings", "message"),
    [
        (CLOUDFRONT, "cloudfront", {}, r"file type '\.rt4kcn4sgk9'"),
        (CLOUDFRONT, "cloudfront", {"INPUT_FORMAT": "tsv"}, "line 1, column 1: a W3C"),
        (LOAD_BALANCER, "load_balancer.log", {}, r"file type '\.log'"),
        (
            LOAD_BALANCER,
            "load_balancer.log",
            {"INPUT_FORMAT": "jsonl"},
            "line 1, column 1: inv",
        ),
    ],
)
def test_logs_in_other_formats_are_permanent_errors(
    monkeypatch: pytest.MonkeyPatch, key: str, name: str, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(PermanentError, match=message):
        transform(monkeypatch, key, gzip.compress(a_file(name)), **settings)
