"""The interface to S3: `object_consumer.s3` on Lambda, a dictionary in unit tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from obstore import Bytes

type Body = bytes | Bytes | memoryview


class Address(msgspec.Struct, frozen=True):
    """Which object to read.

    Attributes
    ----------
    bucket, key
        Its name.
    region
        The bucket's region, if the event names it.
    version_id
        The version to read; None for the newest.
    etag
        The ETag that the object must still have; None for any.
    """

    bucket: str
    key: str
    region: str | None = None
    version_id: str | None = None
    etag: str | None = None

    @property
    def uri(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"


class Response(msgspec.Struct, frozen=True):
    """A started download: size and headers are known, the body is not read yet.

    Attributes
    ----------
    size
        The bytes of the whole object, also if only a part of it was requested.
    body
        Reads the body.
    etag
        The ETag without quotes.
    content_encoding
        The header that S3 stores with the object.
    """

    size: int
    body: Callable[[], Bytes]
    etag: str | None = None
    content_encoding: str | None = None


class PutHeaders(msgspec.Struct, frozen=True):
    """The headers that S3 stores with an object."""

    content_type: str
    content_encoding: str | None
    metadata: Mapping[str, str]


class WrittenObject(msgspec.Struct, frozen=True):
    """An object that was written.

    Attributes
    ----------
    uri
        ``s3://bucket/key``.
    size
        Size in bytes.
    etag
        The ETag without quotes.
    version_id
        None in a bucket without versioning.
    """

    uri: str
    size: int
    etag: str | None
    version_id: str | None


class Upload(Protocol):
    """An object that is written in parts; readers don't see it before it is completed.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
    """

    def part(self, number: int, body: Body) -> None:
        """Write a part; the numbers begin with 1. Several threads may write parts."""
        ...

    def complete(self) -> WrittenObject:
        """Make the object of all parts visible."""
        ...

    def abort(self) -> None:
        """Discard all parts."""
        ...


class Transport(Protocol):
    """Transfers bytes from and to S3, and converts its errors to those of this package."""

    def get(self, address: Address, byte_range: tuple[int, int] | None = None) -> Response:
        """Start a download.

        Parameters
        ----------
        address
            The object.
        byte_range
            The first byte, and the one after the last; it may end after the object. None for the
            whole object. Of an empty object, any range is empty.
        """
        ...

    def put(self, bucket: str, key: str, body: Body, headers: PutHeaders) -> WrittenObject:
        """Write an object in one request."""
        ...

    def start_upload(self, bucket: str, key: str, headers: PutHeaders) -> Upload:
        """Begin to write an object in parts."""
        ...
