"""The AWS clients of the tool, each created when it is first needed."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

# Short timeouts, because an operator is waiting; throttled requests are retried nevertheless.
_CONFIG = Config(
    connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 5}
)


class Aws:
    """Clients with the credentials, the region and the endpoint of the environment.

    It is thread-safe: clients can be shared, and are created one at a time.

    Parameters
    ----------
    session, endpoint_url
        Credentials, region and endpoint that replace those of the environment.
    """

    def __init__(
        self, session: boto3.session.Session | None = None, endpoint_url: str | None = None
    ) -> None:
        self._session = session
        self._endpoint_url = endpoint_url
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def region(self) -> str:
        """The region of requests."""
        return str(self.sqs.meta.region_name)

    @property
    def cloudwatch(self) -> CloudWatchClient:
        """Alarms and metrics."""
        client: CloudWatchClient = self._client("cloudwatch")
        return client

    @property
    def dynamodb(self) -> DynamoDBClient:
        """The ledger."""
        client: DynamoDBClient = self._client("dynamodb")
        return client

    @property
    def events(self) -> EventBridgeClient:
        """The rules that send events to a consumer."""
        client: EventBridgeClient = self._client("events")
        return client

    @property
    def lambda_(self) -> LambdaClient:
        """Functions and event source mappings."""
        client: LambdaClient = self._client("lambda")
        return client

    @property
    def logs(self) -> CloudWatchLogsClient:
        """The functions' log lines."""
        client: CloudWatchLogsClient = self._client("logs")
        return client

    @property
    def s3(self) -> S3Client:
        """The files."""
        client: S3Client = self._client("s3")
        return client

    @property
    def sqs(self) -> SQSClient:
        """Queues and dead-letter queues."""
        client: SQSClient = self._client("sqs")
        return client

    def _client(self, service: str) -> Any:
        with self._lock:
            if self._session is None:
                # Terraform and the functions use AWS_REGION; boto3 uses only AWS_DEFAULT_REGION.
                region = os.environ.get("AWS_REGION")
                self._session = boto3.session.Session(region_name=region)
            if service not in self._made:
                make: Any = self._session.client
                self._made[service] = make(service, config=_CONFIG, endpoint_url=self._endpoint_url)
            return self._made[service]
