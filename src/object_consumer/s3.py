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
from obstore import Bytes
from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError
from obstore.store import S3Store

from object_consumer import clients
from object_consumer.addressing import (
    check_bucket,
    check_etag,
    check_version_id,
    choose_region,
    endpoint,
)
from object_consumer.errors import ObjectNotFoundError, ObjectSupersededError, StorageError
from object_consumer.store import PutHeaders, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.exceptions import BotoCoreError, ClientError
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, PutObjectRequestTypeDef
    from obstore import Attributes, GetOptions
    from obstore.store import ClientConfig, RetryConfig, S3Config

    type AnyBody = bytes | Bytes | memoryview

# Above this size, a multipart upload is faster; below, its two additional requests cost more.
_MULTIPART_ABOVE = 64 * 1024 * 1024
_PART_SIZE = 16 * 1024 * 1024

_NOT_A_PATH_SEGMENT = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|[\x00-\x1f\x7f]")
_NOT_FOUND = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404", "MethodNotAllowed"})
# After versioning was enabled, S3 may return NoSuchKey, but no other error, for an existing object:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html
_FINAL = frozenset({"NoSuchVersion", "NoSuchBucket", "MethodNotAllowed"})
_ERROR_CODE = re.compile(r"<Code>(\w+)</Code>|An error occurred \((\w+)\)")
_PRECONDITION_FAILED = frozenset({"PreconditionFailed", "412"})
_MAX_REASON = 300
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

    def get(
        self, bucket: str, key: str, *, region: str | None, version_id: str | None, etag: str | None
    ) -> Response:
        """Start a download; see `object_consumer.store.Transport`."""
        if version_id is not None:
            check_version_id(version_id)
        if etag is not None:
            check_etag(etag)
        if not is_addressable(key):
            return _get_with_boto3(bucket, key, region=region, version_id=version_id, etag=etag)
        options: GetOptions = {}
        if version_id is not None:
            options["version"] = version_id
        if etag is not None:
            options["if_match"] = f'"{etag}"'
        uri = f"s3://{bucket}/{key}"
        try:
            result = obstore.get(self._store(bucket, region), key, options=options)
        except (BaseError, FileNotFoundError) as error:
            raise _read_error(uri, error) from None

        def body() -> Bytes:
            try:
                return result.bytes()
            except (BaseError, FileNotFoundError) as error:
                raise _read_error(uri, error) from None

        return Response(result.meta["size"], body)

    def put(
        self, bucket: str, key: str, body: AnyBody, headers: PutHeaders
    ) -> tuple[str | None, str | None]:
        """Write an object; see `object_consumer.store.Transport`."""
        if not is_addressable(key):
            return _put_with_boto3(bucket, key, body, headers)
        attributes: Attributes = {"Content-Type": headers.content_type, **headers.metadata}
        if headers.content_encoding is not None:
            attributes["Content-Encoding"] = headers.content_encoding
        try:
            result = obstore.put(
                self._store(bucket, None),
                key,
                body,
                attributes=attributes,
                use_multipart=memoryview(body).nbytes > _MULTIPART_ABOVE,
                chunk_size=_PART_SIZE,
            )
        except (BaseError, FileNotFoundError) as error:
            raise _write_error(f"s3://{bucket}/{key}", error) from None
        etag = result["e_tag"]
        return etag.strip('"') if etag else None, result["version"]

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


def _read_error(uri: str, error: Exception) -> Exception:
    if isinstance(error, FileNotFoundError):
        found = _ERROR_CODE.search(str(error))
        code = (found[1] or found[2]) if found else None
        return ObjectNotFoundError(f"{uri} no longer exists", is_final=code in _FINAL)
    if isinstance(error, PreconditionError):
        return ObjectSupersededError()
    return _storage_error("reading", uri, error)


def _write_error(uri: str, error: Exception) -> Exception:
    if isinstance(error, FileNotFoundError):
        return StorageError(f"writing {uri} failed: the bucket does not exist")
    return _storage_error("writing", uri, error)


def _storage_error(verb: str, uri: str, error: Exception) -> StorageError:
    if isinstance(error, PermissionDeniedError):
        return StorageError(f"{verb} {uri} was denied; check the function's role and the KMS key")
    reason = " ".join(str(error).split())
    return StorageError(f"{verb} {uri} failed: {reason[:_MAX_REASON]}")


def _client(bucket: str, region: str | None) -> S3Client:
    """Return boto3's client for a bucket, with the region that obstore would use."""
    check_bucket(bucket)
    return clients.s3(choose_region(region, os.environ))


def _get_with_boto3(
    bucket: str, key: str, *, region: str | None, version_id: str | None, etag: str | None
) -> Response:
    client = _client(bucket, region)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - already imported

    uri = f"s3://{bucket}/{key}"
    request: GetObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
    if version_id is not None:
        request["VersionId"] = version_id
    if etag is not None:
        request["IfMatch"] = f'"{etag}"'
    try:
        result = client.get_object(**request)
    except (BotoCoreError, ClientError) as error:
        raise _read_error(uri, _as_obstore_error(error)) from None

    def body() -> Bytes:
        try:
            return Bytes(result["Body"].read())
        except BotoCoreError as error:
            raise _read_error(uri, _as_obstore_error(error)) from None

    return Response(result["ContentLength"], body)


def _put_with_boto3(
    bucket: str, key: str, body: AnyBody, headers: PutHeaders
) -> tuple[str | None, str | None]:
    client = _client(bucket, None)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - already imported

    request: PutObjectRequestTypeDef = {
        "Bucket": bucket,
        "Key": key,
        "Body": bytes(body),
        "ContentType": headers.content_type,
        "Metadata": headers.metadata,
    }
    if headers.content_encoding is not None:
        request["ContentEncoding"] = headers.content_encoding
    try:
        result = client.put_object(**request)
    except (BotoCoreError, ClientError) as error:
        raise _write_error(f"s3://{bucket}/{key}", _as_obstore_error(error)) from None
    return result["ETag"].strip('"'), result.get("VersionId")


def _as_obstore_error(error: BotoCoreError | ClientError) -> Exception:
    response = getattr(error, "response", {})
    code = response.get("Error", {}).get("Code", "")
    if code in _NOT_FOUND:
        return FileNotFoundError(str(error))
    if code in _PRECONDITION_FAILED:
        return PreconditionError(str(error))
    if response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 403:  # noqa: PLR2004
        return PermissionDeniedError(str(error))
    return error
