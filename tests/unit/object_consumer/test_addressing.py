"""Where a request to S3 goes: to S3's hosts, whatever a message or an author's address says."""

import json
import re
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import botocore.loaders
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from hypothesis import given
from hypothesis import strategies as st

from object_consumer import ObjectStore, PermanentError, StorageError, clients
from object_consumer import s3 as s3_module
from object_consumer.addressing import check_bucket, check_region, choose_region, endpoint
from object_consumer.envelopes import decode
from object_consumer.s3 import S3Transport, store_config
from object_consumer.testing import make_event
from tests.unit.object_consumer.test_envelopes import ENVELOPES, Wrap, load

# S3's hosts in every partition, as AWS's SDKs have them.
PARTITIONS: list[dict[str, Any]] = botocore.loaders.Loader().load_data("partitions")["partitions"]
DOMAINS = "|".join(sorted(re.escape(some["outputs"]["dnsSuffix"]) for some in PARTITIONS))
HOST = re.compile(rf"(?:[a-z0-9][a-z0-9-]*\.)?s3\.[a-z0-9-]+\.(?:{DOMAINS})", re.ASCII)

# Texts that end a host's name, or begin another one.
PARTS = st.sampled_from(
    [
        *("@", ":", "/", "//", "\\", "?", "#", ".", "..", "-", "_", "%2f", "%40", "\n", "\r\n"),
        *("\t", "\x00", " ", "\u3002", "\uff0f", "\u2024", "[::1]", "127.0.0.1:8080", "s3", "x"),
        *("localhost", "evil.example", "amazonaws.com", "eu-west-1", "us-gov-east-1", "cn-x-1"),
        *("arn:aws:s3:::a", "files", "FILES", "xn--", "\xad", "\u0130", "1", "0x7f.1"),
    ]
)
HOSTILE = st.lists(PARTS, min_size=1, max_size=5).map("".join) | st.text(
    alphabet=st.characters(exclude_categories=["Cs"])
)
REGIONS = st.sampled_from(["eu-west-1", "us-east-1", "cn-north-1"]) | HOSTILE
BUCKETS = st.sampled_from(["files", "my.files", "Old_Files"]) | HOSTILE
OWN = st.sampled_from(
    [{}, {"AWS_REGION": "eu-west-1"}, {"AWS_REGION": "cn-north-1"}, {"AWS_REGION": "us-gov-west-1"}]
)


def is_s3(url: str, bucket: str) -> bool:
    """Whether an address is of S3, and of this bucket if its name is in the host's."""
    parts = urlsplit(url)
    host = parts.netloc
    return (
        parts.scheme == "https"
        and HOST.fullmatch(host) is not None
        and host.startswith(("s3.", f"{bucket}.s3."))
    )


@given(bucket=BUCKETS, region=REGIONS, wrap=st.sampled_from(ENVELOPES), environment=OWN)
def test_no_event_of_any_envelope_leads_to_a_host_outside_s3(
    bucket: str, region: str, wrap: Wrap, environment: dict[str, str]
) -> None:
    notification = json.loads(load("s3_put"))
    notification["Records"][0]["awsRegion"] = region
    notification["Records"][0]["s3"]["bucket"]["name"] = bucket
    event = json.loads(load("eventbridge_created")) | {"region": region}
    event["detail"]["bucket"]["name"] = bucket

    for message in (notification, event):
        contents = decode(wrap(json.dumps(message)))
        assert len(contents.events) + len(contents.errors) == 1
        for found in contents.events:
            try:
                chosen = choose_region(found.region, environment)
            except PermanentError:  # of another partition
                continue
            config = store_config(found.bucket, chosen, environment)
            assert is_s3(config["endpoint"], found.bucket)
            assert config["region"] == chosen


@given(bucket=BUCKETS, region=REGIONS, environment=OWN)
def test_the_address_is_checked_again_where_it_is_built(
    bucket: str, region: str, environment: dict[str, str]
) -> None:
    try:
        config = store_config(bucket, region, environment)
    except PermanentError:
        return
    assert is_s3(config["endpoint"], bucket)


@pytest.fixture
def requested(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that boto3 would send a request to; nothing is sent."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(clients, "_made", {})
    urls: list[str] = []
    make = clients.s3

    def refuse(request: Any, **_: object) -> AWSResponse:
        urls.append(request.url)
        nothing: Any = SimpleNamespace(stream=list)
        return AWSResponse(request.url, 403, HTTPHeaders(), nothing)

    def watched(region: str) -> Any:
        client: Any = make(region)
        client.meta.events.register("before-send.s3", refuse, unique_id="refuse")
        return client

    monkeypatch.setattr(clients, "s3", watched)
    return urls


def test_keys_that_boto3_fetches_lead_nowhere_else(requested: list[str]) -> None:
    store = ObjectStore(S3Transport())

    @given(bucket=BUCKETS, region=REGIONS, as_uri=st.booleans())
    def ask(bucket: str, region: str, as_uri: bool) -> None:
        event = make_event("odd//../key", bucket=bucket, region=region, version_id="v")
        before = len(requested)
        # An author's address has no region, and a name up to the first slash.
        with pytest.raises((PermanentError, StorageError, ValueError)):
            store.read(f"s3://{bucket}/odd//../key" if as_uri else event)
        name = bucket.partition("/")[0] if as_uri else bucket
        assert all(is_s3(url, name) for url in requested[before:])

    ask()
    with pytest.raises(StorageError, match="denied"):
        store.read(make_event("odd//key", bucket="files", region="eu-west-3", version_id="v"))
    assert requested[-1].startswith("https://files.s3.eu-west-3.amazonaws.com/odd//key")


@pytest.mark.parametrize("key", ["plain", "odd//key"])
@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ({"bucket": "files.evil.example/x"}, "is not a bucket name"),
        ({"bucket": "arn:aws:s3:eu-west-1:1:accesspoint/x"}, "is not a bucket name"),
        ({"region": "@127.0.0.1:9/"}, "is not a region"),
        ({"region": "cn-north-1"}, "another partition"),
        ({"etag": 'a", "b'}, "is not an ETag"),
        ({"etag": "a\r\nx-amz-meta-evil: 1"}, "is not an ETag"),
        ({"version_id": "v\n"}, "is not a version id"),
    ],
)
def test_an_event_that_an_author_made_up_is_refused_on_both_paths(
    requested: list[str], key: str, address: dict[str, Any], reason: str
) -> None:

    with pytest.raises(PermanentError, match=reason):
        ObjectStore(S3Transport()).read(make_event(key, **({"bucket": "files"} | address)))
    assert requested == []


def test_hostile_names_do_not_pile_up_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_module, "S3Store", lambda bucket, **_: bucket)
    transport = S3Transport()

    for number in range(500):
        transport._store(f"files-{number}", None)

    assert len(transport._stores) == 64


@pytest.mark.parametrize(
    "name", ["abc", "a.b-c.1", "a" * 63, "1234", "Old_Bucket", "a" * 255, "a-.b", "files-s3alias"]
)
def test_names_that_buckets_have(name: str) -> None:
    check_bucket(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "ab", "a" * 256, ".abc", "a/b", "abc\n", "a@b:c", "bücket", "abc ", "192.168.5.4"),
        *("xn--abc", "sthree-abc", "abc--ol-s3", "abc.mrap", "abc--x-s3", "abc--table-s3"),
    ],
)
def test_names_that_no_bucket_has(name: str) -> None:
    with pytest.raises(PermanentError, match="is not a bucket name"):
        check_bucket(name)


@pytest.mark.parametrize("name", ["eu-west-1", "us-gov-east-1", "us-isob-east-1", "eusc-de-east-1"])
def test_names_that_regions_have(name: str) -> None:
    check_region(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "eu_west_1",
        "EU-WEST-1",
        "eu.west",
        "-eu",
        "eu-",
        "eu--west",
        "eu-west-1\n",
        "é",
        "a" * 33,
    ],
)
def test_names_that_no_region_has(name: str) -> None:
    with pytest.raises(PermanentError, match="is not a region"):
        check_region(name)


@pytest.mark.parametrize("partition", PARTITIONS, ids=lambda some: some["id"])
def test_each_partition_has_its_own_domain(partition: dict[str, Any]) -> None:
    domain = partition["outputs"]["dnsSuffix"]
    for region in partition["regions"]:
        if region.endswith("-global"):
            continue
        assert endpoint("files", region) == (f"https://files.s3.{region}.{domain}", True)
        assert choose_region(None, {"AWS_REGION": region}) == region
        for other in PARTITIONS:
            somewhere = next(name for name in other["regions"] if not name.endswith("-global"))
            if other is partition:
                assert choose_region(somewhere, {"AWS_REGION": region}) == somewhere
                continue
            with pytest.raises(PermanentError, match="in another partition"):
                choose_region(somewhere, {"AWS_REGION": region})


def test_another_region_of_the_partition_is_followed() -> None:
    assert choose_region("us-east-2", {"AWS_REGION": "eu-west-1"}) == "us-east-2"
    assert choose_region(None, {}) == "us-east-1"
