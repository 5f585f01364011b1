"""Convert the errors of obstore, and those of boto3, to the errors of this package."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from obstore.exceptions import PermissionDeniedError, PreconditionError

from object_consumer.errors import ObjectNotFoundError, ObjectSupersededError, StorageError

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

_NOT_FOUND = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404", "MethodNotAllowed"})
# After versioning was enabled, S3 may return NoSuchKey, but no other error, for an existing object:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html
_FINAL = frozenset({"NoSuchVersion", "NoSuchBucket", "MethodNotAllowed"})
_ERROR_CODE = re.compile(r"<Code>(\w+)</Code>|An error occurred \((\w+)\)")
_PRECONDITION_FAILED = frozenset({"PreconditionFailed", "412"})
_MAX_REASON = 300


def read_error(uri: str, error: Exception) -> Exception:
    """Convert an error of reading."""
    if isinstance(error, FileNotFoundError):
        found = _ERROR_CODE.search(str(error))
        code = (found[1] or found[2]) if found else None
        return ObjectNotFoundError(f"{uri} no longer exists", is_final=code in _FINAL)
    if isinstance(error, PreconditionError):
        return ObjectSupersededError()
    return _storage_error("reading", uri, error)


def write_error(uri: str, error: Exception) -> Exception:
    """Convert an error of writing."""
    if isinstance(error, FileNotFoundError):
        return StorageError(f"writing {uri} failed: the bucket does not exist")
    return _storage_error("writing", uri, error)


def _storage_error(verb: str, uri: str, error: Exception) -> StorageError:
    if isinstance(error, PermissionDeniedError):
        return StorageError(f"{verb} {uri} was denied; check the function's role and the KMS key")
    reason = " ".join(str(error).split())
    return StorageError(f"{verb} {uri} failed: {reason[:_MAX_REASON]}")


def as_obstore_error(error: BotoCoreError | ClientError) -> Exception:
    """Convert an error of boto3 to the one that obstore raises."""
    response: Any = getattr(error, "response", {})
    code = error_code(error)
    if code in _NOT_FOUND:
        return FileNotFoundError(str(error))
    if code in _PRECONDITION_FAILED:
        return PreconditionError(str(error))
    if response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 403:  # noqa: PLR2004
        return PermissionDeniedError(str(error))
    return error


def error_code(error: Exception) -> str:
    """Return S3's code of an error of boto3, such as ``NoSuchKey``; empty without a response."""
    response: Any = getattr(error, "response", {})
    code: str = response.get("Error", {}).get("Code", "")
    return code
