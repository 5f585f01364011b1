"""boto3 clients, created when first needed: importing boto3 takes longer than the rest of init."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_lock = threading.Lock()
_made: dict[str, object] = {}
# The number of cached clients: for S3, the events determine the region.
_MAX_KEPT = 8


def dynamodb() -> DynamoDBClient:
    """Return the client for the ledger, with short timeouts because files wait for it."""
    return cast("DynamoDBClient", _client("dynamodb", read_timeout=3))


def sqs() -> SQSClient:
    """Return the client for Amazon SQS, with short timeouts because the deadline is near."""
    return cast("SQSClient", _client("sqs", read_timeout=5))


def s3(region: str) -> S3Client:
    """Return the client of a region, for the few objects whose keys obstore can't address."""
    return cast("S3Client", _client("s3", read_timeout=20, region=region))


def _client(service: str, *, read_timeout: float, region: str | None = None) -> object:
    name = service if region is None else f"{service} {region}"
    with _lock:
        if name not in _made:
            import boto3  # noqa: PLC0415 - see above
            from botocore.config import Config  # noqa: PLC0415

            # With Lambda's JSON log format, botocore would log the source of its credentials.
            logging.getLogger("botocore").setLevel(logging.WARNING)
            config = Config(
                connect_timeout=2,
                read_timeout=read_timeout,
                max_pool_connections=32,
                retries={"mode": "standard", "total_max_attempts": 3},
                # The host that obstore uses; the default is S3's global one.
                s3={"us_east_1_regional_endpoint": "regional"},
            )
            make: Any = boto3.client
            if len(_made) >= _MAX_KEPT:
                del _made[next(iter(_made))]
            _made[name] = make(service, config=config, region_name=region)
        return _made[name]
