"""Read and write with boto3 what obstore can't: keys that it changes, and uploads in parts.

obstore treats keys as paths, and can't abort a multipart upload.
"""

from __future__ import annotations

import base64
import contextlib
import os
import threading
import zlib
from typing import TYPE_CHECKING, Any

from obstore import Bytes

from object_consumer import clients
from object_consumer.addressing import check_bucket, choose_region
from object_consumer.s3_errors import as_obstore_error, error_code, read_error, write_error
from object_consumer.transport import Address, PutHeaders, Response, WrittenObject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, GetObjectRequestTypeDef

    from object_consumer.transport import Body


def get(address: Address, byte_range: tuple[int, int] | None = None) -> Response:
    """Start a download; see `object_consumer.transport.Transport`."""
    client = _client(address.bucket, address.region)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - already imported

    request: GetObjectRequestTypeDef = {"Bucket": address.bucket, "Key": address.key}
    if address.version_id is not None:
        request["VersionId"] = address.version_id
    if address.etag is not None:
        request["IfMatch"] = f'"{address.etag}"'
    if byte_range is not None:
        request["Range"] = f"bytes={byte_range[0]}-{byte_range[1] - 1}"
    try:
        result = client.get_object(**request)
    except (BotoCoreError, ClientError) as error:
        if byte_range is not None and error_code(error) == "InvalidRange":
            return get(address)
        raise read_error(address.uri, as_obstore_error(error)) from None

    def body() -> Bytes:
        try:
            return Bytes(result["Body"].read())
        except BotoCoreError as error:
            raise read_error(address.uri, as_obstore_error(error)) from None

    total = result.get("ContentRange", "").rpartition("/")[2]
    return Response(
        int(total or result["ContentLength"]),
        body,
        result["ETag"].strip('"'),
        result.get("ContentEncoding"),
    )


def put(bucket: str, key: str, body: Body, headers: PutHeaders) -> WrittenObject:
    """Write an object in one request; see `object_consumer.transport.Transport`."""
    client = _client(bucket, None)
    uri = f"s3://{bucket}/{key}"
    content = bytes(body)
    with _writing(uri):
        result = client.put_object(Bucket=bucket, Key=key, Body=content, **_arguments(headers))
    return WrittenObject(uri, len(content), result["ETag"].strip('"'), result.get("VersionId"))


class MultipartUpload:
    """A multipart upload, with a checksum of each part; see `object_consumer.transport.Upload`.

    S3 accepts the checksums of parts only in an upload that was started with their algorithm:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """

    def __init__(self, bucket: str, key: str, headers: PutHeaders) -> None:
        self._client = _client(bucket, None)
        self._uri = f"s3://{bucket}/{key}"
        self._names: Any = {"Bucket": bucket, "Key": key}
        self._parts: dict[int, CompletedPartTypeDef] = {}
        self._size = 0
        self._lock = threading.Lock()
        with _writing(self._uri):
            started = self._client.create_multipart_upload(
                **self._names, **_arguments(headers), ChecksumAlgorithm="CRC32"
            )
        self._names["UploadId"] = started["UploadId"]

    def part(self, number: int, body: Body) -> None:
        """Write a part."""
        content = bytes(body)
        checksum = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
        part: Any = {"PartNumber": number, "ChecksumCRC32": checksum}
        with _writing(self._uri):
            sent = self._client.upload_part(**self._names, **part, Body=content)
        part["ETag"] = sent["ETag"]
        with self._lock:
            self._parts[number] = part
            self._size += len(content)

    def complete(self) -> WrittenObject:
        """Make the object visible."""
        parts = [self._parts[number] for number in sorted(self._parts)]
        with _writing(self._uri):
            result = self._client.complete_multipart_upload(
                **self._names, MultipartUpload={"Parts": parts}
            )
        etag = result["ETag"].strip('"')
        return WrittenObject(self._uri, self._size, etag, result.get("VersionId"))

    def abort(self) -> None:
        """Discard all parts."""
        with _writing(self._uri):
            self._client.abort_multipart_upload(**self._names)


def _client(bucket: str, region: str | None) -> S3Client:
    """Return boto3's client for a bucket, with the region that obstore would use."""
    check_bucket(bucket)
    return clients.s3(choose_region(region, os.environ))


def _arguments(headers: PutHeaders) -> Any:
    arguments: dict[str, object] = {
        "ContentType": headers.content_type,
        "Metadata": headers.metadata,
    }
    if headers.content_encoding is not None:
        arguments["ContentEncoding"] = headers.content_encoding
    return arguments


@contextlib.contextmanager
def _writing(uri: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - already imported

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise write_error(uri, as_obstore_error(error)) from None
