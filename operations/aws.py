"""The APIs of AWS that the tool uses, each client made when it is first needed."""

import os
from functools import cached_property

import boto3
from botocore.config import Config
from mypy_boto3_cloudwatch import CloudWatchClient
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_lambda import LambdaClient
from mypy_boto3_logs import CloudWatchLogsClient
from mypy_boto3_s3 import S3Client
from mypy_boto3_sqs import SQSClient

# Somebody is waiting for the answer; throttled requests are sent again all the same.
_CONFIG = Config(
    connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 5}
)


class Aws:
    """Clients with the credentials, the region and the endpoint of the environment."""

    def __init__(self) -> None:
        # Terraform and the functions know AWS_REGION; boto3 knows only AWS_DEFAULT_REGION.
        self._session = boto3.session.Session(region_name=os.environ.get("AWS_REGION"))

    @property
    def region(self) -> str:
        """The region that requests go to."""
        return str(self.sqs.meta.region_name)

    @cached_property
    def cloudwatch(self) -> CloudWatchClient:
        """Alarms and metrics."""
        return self._session.client("cloudwatch", config=_CONFIG)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """The ledger."""
        return self._session.client("dynamodb", config=_CONFIG)

    @cached_property
    def lambda_(self) -> LambdaClient:
        """Functions and event source mappings."""
        return self._session.client("lambda", config=_CONFIG)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """The functions' log lines."""
        return self._session.client("logs", config=_CONFIG)

    @cached_property
    def s3(self) -> S3Client:
        """The files."""
        return self._session.client("s3", config=_CONFIG)

    @cached_property
    def sqs(self) -> SQSClient:
        """Queues and dead-letter queues."""
        return self._session.client("sqs", config=_CONFIG)
