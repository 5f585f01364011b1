"""Read and write objects in Amazon S3 with obstore, and with boto3 for keys obstore can't address.

obstore (Rust's object_store) needs several times less import time and CPU than boto3, and releases
the GIL while it waits. But it treats keys as paths: it rejects or rewrites empty, `.` and `..`
segments and control characters, which S3 allows in keys.
"""

from __future__ import annotations

import os
import re
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from object_consumer import s3_boto3
from object_consumer.addressing import (
    check_bucket,
    check_etag,
    check_version_id,
    choose_region,
    endpoint,
)
from object_consumer.s3_errors import read_error, write_error
from object_consumer.transport import Address, PutHeaders, Response, Upload, WrittenObject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obstore import Attributes, Bytes, GetOptions
    from obstore.store import ClientConfig, RetryConfig, S3Config

    from object_consumer.transport import Body

_NOT_A_PATH_SEGMENT = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|[\x00-\x1f\x7f]")
# S3's response to any range of an empty object:
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
_EMPTY = "InvalidRange"
# The number of buckets whose stores and connections are cached; a store takes 0.1 MB.
_MAX_STORES = 64

# Only short retries: a retry by SQS frees the function for other objects.
_RETRIES: RetryConfig = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=15),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=2),
        "base": 2,
    },
}


class S3Transport:
    """Transfers objects from and to Amazon S3, with one connection pool for each bucket.

    Region, credentials and endpoint come from the environment variables that the AWS SDKs read
    (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
    """

    def __init__(self) -> None:
        self._stores: dict[tuple[str, str], S3Store] = {}
        self._lock = threading.Lock()

    def get(self, address: Address, byte_range: tuple[int, int] | None = None) -> Response:
        """Start a download; see `object_consumer.transport.Transport`."""
        if address.version_id is not None:
            check_version_id(address.version_id)
        if address.etag is not None:
            check_etag(address.etag)
        if not is_addressable(address.key):
            return s3_boto3.get(address, byte_range)
        options: GetOptions = {}
        if address.version_id is not None:
            options["version"] = address.version_id
        if address.etag is not None:
            options["if_match"] = f'"{address.etag}"'
        if byte_range is not None:
            options["range"] = byte_range
        try:
            store = self._store(address.bucket, address.region)
            result = obstore.get(store, address.key, options=options)
        except (BaseError, FileNotFoundError) as error:
            if byte_range is not None and _EMPTY in str(error):
                return self.get(address)
            raise read_error(address.uri, error) from None

        def body() -> Bytes:
            try:
                return result.bytes()
            except (BaseError, FileNotFoundError) as error:
                raise read_error(address.uri, error) from None

        etag = result.meta["e_tag"]
        return Response(
            result.meta["size"],
            body,
            etag.strip('"') if etag else None,
            result.attributes.get("Content-Encoding"),
        )

    def put(self, bucket: str, key: str, body: Body, headers: PutHeaders) -> WrittenObject:
        """Write an object; see `object_consumer.transport.Transport`."""
        if not is_addressable(key):
            return s3_boto3.put(bucket, key, body, headers)
        attributes: Attributes = {"Content-Type": headers.content_type, **headers.metadata}
        if headers.content_encoding is not None:
            attributes["Content-Encoding"] = headers.content_encoding
        uri, size = f"s3://{bucket}/{key}", memoryview(body).nbytes
        try:
            result = obstore.put(
                self._store(bucket, None),
                key,
                body,
                attributes=attributes,
                use_multipart=False,
            )
        except (BaseError, FileNotFoundError) as error:
            raise write_error(uri, error) from None
        etag = result["e_tag"]
        return WrittenObject(uri, size, etag.strip('"') if etag else None, result["version"])

    def start_upload(self, bucket: str, key: str, headers: PutHeaders) -> Upload:
        """Begin a multipart upload; see `object_consumer.transport.Transport`.

        With boto3, because obstore can't abort an upload, which would leave its parts in the
        bucket.
        """
        return s3_boto3.MultipartUpload(bucket, key, headers)

    def _store(self, bucket: str, region: str | None) -> S3Store:
        region = choose_region(region, os.environ)
        with self._lock:
            store = self._stores.get((bucket, region))
            if store is None:
                config = store_config(bucket, region, os.environ)
                if len(self._stores) >= _MAX_STORES:
                    del self._stores[next(iter(self._stores))]
                store = S3Store(
                    bucket,
                    config=config,
                    client_options=_client_options(config),
                    retry_config=_RETRIES,
                )
                self._stores[bucket, region] = store
            return store


def is_addressable(key: str) -> bool:
    """Return whether obstore sends this key unchanged; S3 itself accepts any text."""
    return _NOT_A_PATH_SEGMENT.search(key) is None


def store_config(bucket: str, region: str, environment: Mapping[str, str]) -> S3Config:
    """Configure the store of a bucket.

    Requests to a custom endpoint (LocalStack, a VPC endpoint) are path-style; those to AWS are
    virtual-hosted-style if the bucket's name permits it; see `object_consumer.addressing`.

    Raises
    ------
    PermanentError
        The bucket name or the region is invalid, or the region is in another partition.
    """
    check_bucket(bucket)
    region = choose_region(region, environment)
    # The digest is computed for the signature anyway; as a checksum, S3 verifies and stores it.
    config: S3Config = {"region": region, "checksum_algorithm": "SHA256"}
    custom = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if custom:
        config["endpoint"] = custom
        config["virtual_hosted_style_request"] = False
    else:
        config["endpoint"], config["virtual_hosted_style_request"] = endpoint(bucket, region)
    return config


def _client_options(config: S3Config) -> ClientConfig:
    return {
        "allow_http": config["endpoint"].startswith("http://"),
        "connect_timeout": timedelta(seconds=3),
        # The time between two reads detects a stalled connection. The whole request may take as
        # long as a function may run.
        "read_timeout": timedelta(seconds=20),
        "timeout": timedelta(minutes=15),
        # S3 closes idle connections early, which a frozen function doesn't notice.
        "pool_idle_timeout": timedelta(seconds=5),
    }
