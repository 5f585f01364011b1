"""The host of requests to Amazon S3, and the validation of event values that requests use.

A request contains the function's session token, so no event may direct it to a host other than
S3's: neither a bucket name nor a region may contain characters that end a host name. An ETag must
not end its header. The values are checked when an event is decoded, and again before a request is
sent, which also covers names from a function's author.

Requests use the region of the event, because topics and EventBridge rules also deliver from other
regions, but only inside the partition of the function's region. A role's credentials are valid in
one partition only, and must not be sent to another one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from object_consumer.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"(?=.{3,63}\Z)[a-z0-9](?:[a-z0-9-]|\.(?!\.))*[a-z0-9]", re.ASCII)
# Buckets in us-east-1 from before March 2018, according to the same page. The first character is
# not a period, so that the name can't be a path segment such as "..".
_OLD_BUCKET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{2,254}", re.ASCII)
_IP_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)
# Names that no bucket can have, and whose requests would go to other hosts. An access point alias
# (-s3alias) is used like a bucket name, and AWS's documentation has events of amzn-s3-demo-bucket.
_RESERVED_PREFIXES = ("xn--", "sthree-")
_RESERVED_SUFFIXES = ("--ol-s3", ".mrap", "--x-s3", "--table-s3")

_REGION = re.compile(r"(?=.{1,32}\Z)[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
# The prefixes of each partition's regions, and the domain of its services, from AWS's SDKs
# (partitions.json of botocore). No region matches two prefixes.
_PARTITIONS = (
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
)
_COMMERCIAL = ("aws", "amazonaws.com")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024
# "no more than 1,024 bytes long", and fit for an URL as they are:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html
_VERSION_ID = re.compile(r"[\x21-\x7e]{1,1024}")
# Anything else would end the quotes or the header: https://www.rfc-editor.org/rfc/rfc9110.html#name-etag
_ETAG = re.compile(r"[\x21\x23-\x7e]{1,1024}")
_EXCERPT = 80


def check_bucket(name: str) -> None:
    """Check that a text is a valid name of an S3 bucket.

    Raises
    ------
    PermanentError
        It isn't; the message says why.
    """
    if _BUCKET.fullmatch(name) is None and _OLD_BUCKET.fullmatch(name) is None:
        raise PermanentError(
            f"{_excerpt(name)} is not a bucket name: S3's have 3 to 63 lowercase letters, digits, "
            "hyphens and single periods, and begin and end with a letter or digit"
        )
    if (
        _IP_ADDRESS.fullmatch(name)
        or name.startswith(_RESERVED_PREFIXES)
        or name.endswith(_RESERVED_SUFFIXES)
    ):
        raise PermanentError(
            f"{_excerpt(name)} is not a bucket name: S3 reserves names of this form"
        )


def check_region(name: str) -> None:
    """Check that a text has the form of an AWS region.

    Raises
    ------
    PermanentError
        It doesn't.
    """
    if _REGION.fullmatch(name) is None:
        raise PermanentError(
            f"{_excerpt(name)} is not a region: AWS's have lowercase letters, digits and "
            "hyphens, such as eu-west-1"
        )


def check_key(key: str) -> None:
    """Check that a text is a valid key of an object.

    Raises
    ------
    PermanentError
        It is empty, not UTF-8, or longer than S3's limit.
    """
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise PermanentError(f"the key {_excerpt(key)} is not UTF-8") from None
    if not 1 <= length <= MAX_KEY_BYTES:
        raise PermanentError(
            f"the key {_excerpt(key)} has {length:,} bytes; S3 accepts 1 to {MAX_KEY_BYTES:,}"
        )


def check_version_id(version_id: str) -> None:
    """Check that a text is a valid version ID.

    Raises
    ------
    PermanentError
        It isn't.
    """
    if _VERSION_ID.fullmatch(version_id) is None:
        raise PermanentError(f"{_excerpt(version_id)} is not a version id")


def check_etag(etag: str) -> None:
    """Check that a text is a valid ETag, without its quotes.

    Raises
    ------
    PermanentError
        It isn't.
    """
    if _ETAG.fullmatch(etag) is None:
        raise PermanentError(f"{_excerpt(etag)} is not an ETag")


def own_region(environment: Mapping[str, str]) -> str | None:
    """Return the function's own region; Lambda always sets it."""
    return environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or None


def choose_region(region: str | None, environment: Mapping[str, str]) -> str:
    """Return the region for a bucket's requests.

    Parameters
    ----------
    region
        The event's region; None for the function's own.
    environment
        The function's environment variables.

    Raises
    ------
    PermanentError
        It doesn't have the form of a region, or is in another partition than the function.
    """
    own = own_region(environment)
    chosen = region or own or "us-east-1"
    check_region(chosen)
    if own is not None and _partition(chosen) != _partition(own):
        raise PermanentError(
            f"region {chosen} is in another partition than this function, which runs in {own}: "
            "its role's credentials are not valid there"
        )
    return chosen


def endpoint(bucket: str, region: str) -> tuple[str, bool]:
    """Return the URL for a bucket's requests, and whether it contains the bucket's name.

    It contains the name, except for names that the wildcard certificate doesn't cover (those with a
    period) and names that are not valid host names (old ones with capitals, underscores or more
    than 63 characters).

    Raises
    ------
    PermanentError
        The bucket's name or the region is invalid.
    """
    check_bucket(bucket)
    check_region(region)
    _, domain = _partition(region)
    virtual = "." not in bucket and _BUCKET.fullmatch(bucket) is not None
    return f"https://{f'{bucket}.' if virtual else ''}s3.{region}.{domain}", virtual


def _partition(region: str) -> tuple[str, str]:
    found = [(name, domain) for start, name, domain in _PARTITIONS if region.startswith(start)]
    return found[0] if found else _COMMERCIAL


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= _EXCERPT else text[:_EXCERPT] + "...")
