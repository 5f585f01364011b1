"""Objects to and from S3, against moto's server: versions, odd keys, and what failures mean."""

import gzip
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from object_consumer import (
    ObjectNotFoundError,
    ObjectNotVisibleError,
    ObjectStore,
    ObjectSupersededError,
    ObjectTooLargeError,
    PermanentError,
    StorageError,
    clients,
)
from object_consumer.s3 import S3Transport, is_addressable, store_config
from object_consumer.testing import make_event

BUCKET = "files"
ODD_KEYS = ["a//b", "/a", "a/", "a/./b", "../a", ".", "a\x7fb"]
PLAIN_KEYS = ["a", "a b+c%20&é/日本.json", "a.b/..c", "a~*'()!", "k" * 1024, "#?x=y", "\\"]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server that answers as S3 does."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client for the server, with an environment in which the runtime uses it as well."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clients, "_made", {})
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def store(s3: Any) -> ObjectStore:
    """The store under test."""
    return ObjectStore(S3Transport())


@pytest.mark.parametrize("key", [*PLAIN_KEYS, *ODD_KEYS])
def test_any_key_is_written_and_read_as_it_is(s3: Any, store: ObjectStore, key: str) -> None:
    written = store.write(
        BUCKET, key, b"body", content_type="text/plain", metadata={"source": "here"}
    )

    kept = s3.get_object(Bucket=BUCKET, Key=key)
    assert kept["Body"].read() == b"body"
    assert (kept["ContentType"], kept["Metadata"]) == ("text/plain", {"source": "here"})
    assert bytes(store.read(make_event(key, bucket=BUCKET, size=4))) == b"body"
    assert written.version_id == kept["VersionId"]


# moto's server has no route for keys with a line break.
@pytest.mark.parametrize("key", [*ODD_KEYS, "a\nb"])
def test_keys_that_obstore_would_change_are_not_given_to_it(key: str) -> None:
    assert not is_addressable(key)


@pytest.mark.parametrize("key", PLAIN_KEYS)
def test_all_others_are(key: str) -> None:
    assert is_addressable(key)


@pytest.mark.parametrize("key", ["plain", "odd//key"])
def test_exactly_the_version_of_the_event_is_read(s3: Any, store: ObjectStore, key: str) -> None:
    first = s3.put_object(Bucket=BUCKET, Key=key, Body=b"first")["VersionId"]
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"second")

    event = make_event(key, bucket=BUCKET, version_id=first, size=5)
    assert bytes(store.read(event)) == b"first"


@pytest.mark.parametrize("key", ["replaced", "re//placed"])
def test_without_a_version_only_the_object_of_the_event_is_read(
    s3: Any, store: ObjectStore, key: str
) -> None:
    old = s3.put_object(Bucket=BUCKET, Key=key, Body=b"first")["ETag"].strip('"')
    new = s3.put_object(Bucket=BUCKET, Key=key, Body=b"second")["ETag"].strip('"')

    assert bytes(store.read(make_event(key, bucket=BUCKET, etag=new))) == b"second"
    with pytest.raises(ObjectSupersededError):
        store.read(make_event(key, bucket=BUCKET, etag=old))


@pytest.mark.parametrize("key", ["missing", "mis//sing"])
def test_an_object_that_is_gone_is_a_permanent_error(store: ObjectStore, key: str) -> None:
    with pytest.raises(ObjectNotFoundError):
        store.read(make_event(key, bucket=BUCKET))
    with pytest.raises(ObjectNotFoundError):
        store.read(f"s3://{BUCKET}/{key}")


@pytest.mark.parametrize("key", ["missing", "mis//sing"])
def test_the_object_of_a_recent_event_may_turn_up(store: ObjectStore, key: str) -> None:
    with pytest.raises(ObjectNotVisibleError):
        store.read(make_event(key, bucket=BUCKET, event_time=datetime.now(UTC)))


@pytest.mark.parametrize("key", ["purged", "pur//ged"])
def test_a_version_that_was_removed_does_not_turn_up(s3: Any, store: ObjectStore, key: str) -> None:
    version = s3.put_object(Bucket=BUCKET, Key=key, Body=b"first")["VersionId"]
    s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version)

    with pytest.raises(ObjectNotFoundError):
        store.read(make_event(key, bucket=BUCKET, event_time=datetime.now(UTC), version_id=version))


@pytest.mark.parametrize("key", ["marked", "mar//ked"])
def test_a_version_is_read_behind_a_delete_marker(s3: Any, store: ObjectStore, key: str) -> None:
    version = s3.put_object(Bucket=BUCKET, Key=key, Body=b"first")["VersionId"]
    s3.delete_object(Bucket=BUCKET, Key=key)

    assert bytes(store.read(make_event(key, bucket=BUCKET, version_id=version))) == b"first"


def test_a_bucket_to_write_to_that_does_not_exist_may_be_made_later(store: ObjectStore) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        store.write("nowhere-at-all", "a", b"", content_type="text/plain")


def test_a_server_that_is_away_is_a_passing_trouble(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from object_consumer import s3 as module  # noqa: PLC0415

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(module, "_RETRIES", {"max_retries": 0})

    with pytest.raises(StorageError, match=r"reading s3://files/a failed"):
        ObjectStore(S3Transport()).read(make_event("a", bucket=BUCKET))


def test_a_large_object_is_refused_before_its_body_is_read(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="large", Body=b"x" * 100)
    store = ObjectStore(S3Transport(), max_object_bytes=99)

    for announced in (100, None, 5):
        with pytest.raises(ObjectTooLargeError, match="100 bytes; this consumer accepts 99"):
            store.read(make_event("large", bucket=BUCKET, size=announced))


def test_metadata_that_s3_would_refuse_is_a_permanent_error(store: ObjectStore) -> None:
    with pytest.raises(PermanentError, match="percent-encode it"):
        store.write(BUCKET, "a", b"", content_type="text/plain", metadata={"source": "é"})


@pytest.mark.parametrize(
    ("bucket", "region", "environment", "endpoint", "virtual"),
    [
        ("files", "eu-west-1", {}, "https://files.s3.eu-west-1.amazonaws.com", True),
        ("my.files", "eu-west-1", {}, "https://s3.eu-west-1.amazonaws.com", False),
        ("files", "cn-north-1", {}, "https://files.s3.cn-north-1.amazonaws.com.cn", True),
        ("files", "eu-west-1", {"AWS_ENDPOINT_URL": "http://x:1"}, "http://x:1", False),
        (
            "files",
            "eu-west-1",
            {"AWS_ENDPOINT_URL": "http://x:1", "AWS_ENDPOINT_URL_S3": "http://y:2"},
            "http://y:2",
            False,
        ),
    ],
)
def test_how_a_bucket_is_addressed(
    bucket: str, region: str, environment: dict[str, str], endpoint: str, virtual: bool
) -> None:
    config = store_config(bucket, region, environment)

    assert (config["endpoint"], config["virtual_hosted_style_request"]) == (endpoint, virtual)


@pytest.mark.parametrize("key", ["parts", "pa//rts"])
def test_a_large_object_is_written_and_read_in_parts(s3: Any, store: ObjectStore, key: str) -> None:
    content = random.Random(1).randbytes(20_000_000)  # noqa: S311
    headers: Any = {
        "content_type": "text/csv",
        "content_encoding": "identity",
        "metadata": {"source": "here"},
    }
    with store.create(BUCKET, key, **headers) as output:
        for start in range(0, len(content), 1_000_000):
            output.write(content[start : start + 1_000_000])

    kept = s3.head_object(Bucket=BUCKET, Key=key)
    assert (kept["ContentType"], kept["ContentEncoding"]) == ("text/csv", "identity")
    assert (kept["Metadata"], kept["VersionId"]) == ({"source": "here"}, output.written.version_id)
    assert output.written.etag == kept["ETag"].strip('"') != ""
    assert output.written.size == len(content)
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"newer")
    event = make_event(key, bucket=BUCKET, version_id=output.written.version_id)
    with store.open(event) as file:
        assert file.read() == content


@pytest.mark.parametrize("key", ["aborted", "abor//ted"])
def test_an_upload_that_fails_leaves_no_parts(s3: Any, store: ObjectStore, key: str) -> None:
    def fail() -> None:
        with store.create(BUCKET, key, content_type="text/plain") as output:
            output.write(bytes(9_000_000))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)
    with pytest.raises(s3.exceptions.ClientError):
        s3.head_object(Bucket=BUCKET, Key=key)


@pytest.mark.parametrize("key", ["empty", "emp//ty"])
def test_an_empty_object_is_an_empty_file(s3: Any, store: ObjectStore, key: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"")

    for size in (0, None):
        with store.open(make_event(key, bucket=BUCKET, size=size)) as file:
            assert file.read() == b""


@pytest.mark.parametrize("key", ["zipped", "zip//ped"])
def test_content_is_decompressed_by_the_reader_only(s3: Any, store: ObjectStore, key: str) -> None:
    body = gzip.compress(b"a,b\n1,2\n")
    s3.put_object(Bucket=BUCKET, Key=key, Body=body, ContentEncoding="gzip")
    event = make_event(key, bucket=BUCKET)

    assert bytes(store.read(event)) == body
    with store.open(event) as file, store.open(event, decompress=False) as stored:
        assert (file.read(), stored.read()) == (b"a,b\n1,2\n", body)
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"a", ContentEncoding="br")
    with pytest.raises(PermanentError, match="Content-Encoding 'br'"):
        store.open(event)


@pytest.mark.parametrize("key", ["swapped", "swap//ped"])
def test_a_large_object_that_is_replaced_meanwhile_is_superseded(
    s3: Any, store: ObjectStore, key: str
) -> None:
    body = bytes(40_000_000)
    etag = s3.put_object(Bucket=BUCKET, Key=key, Body=body)["ETag"].strip('"')
    with store.open(make_event(key, bucket=BUCKET, etag=etag)) as file:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"newer")
        with pytest.raises(ObjectSupersededError):
            file.read()


def test_a_bucket_to_upload_to_that_does_not_exist_may_be_made_later(store: ObjectStore) -> None:
    with (
        pytest.raises(StorageError, match="does not exist"),
        store.create("nowhere-at-all", "a", content_type="text/plain") as output,
    ):
        output.write(bytes(9_000_000))
