"""DynamoDB by the moto that LocalStack contains, instead of a Java archive it would download."""

from localstack.aws.api.dynamodb import DynamodbApi
from localstack.services.moto import MotoFallbackDispatcher
from localstack.services.plugins import Service, aws_provider


class MotoDynamoDB(DynamodbApi):
    """Implements nothing itself, so that the dispatcher passes every operation on to moto."""


@aws_provider(api="dynamodb", name="moto")
def dynamodb() -> Service:
    """Make the service; chosen by ``PROVIDER_OVERRIDE_DYNAMODB=moto``."""
    return Service.for_provider(MotoDynamoDB(), dispatch_table_factory=MotoFallbackDispatcher)
