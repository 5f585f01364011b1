"""DynamoDB with the moto that LocalStack contains, instead of DynamoDB Local, a Java download.

Operations run one after the other: moto has no locks, and no other write may come between a
condition and its write.
"""

import functools
import threading
from typing import Any

from localstack.aws.api.dynamodb import DynamodbApi
from localstack.services.moto import MotoFallbackDispatcher
from localstack.services.plugins import Service, aws_provider

_one_at_a_time = threading.Lock()


class MotoDynamoDB(DynamodbApi):
    """Implements no operation, so that the dispatcher forwards all operations to moto."""


@aws_provider(api="dynamodb", name="moto")
def dynamodb() -> Service:
    """Create the service; selected by ``PROVIDER_OVERRIDE_DYNAMODB=moto``."""
    return Service.for_provider(MotoDynamoDB(), dispatch_table_factory=_dispatcher)


def _dispatcher(provider: Any) -> dict[str, Any]:
    return {
        operation: _locked(call) for operation, call in MotoFallbackDispatcher(provider).items()
    }


def _locked(call: Any) -> Any:
    @functools.wraps(call)
    def locked(*arguments: Any, **named: Any) -> Any:
        with _one_at_a_time:
            return call(*arguments, **named)

    return locked
