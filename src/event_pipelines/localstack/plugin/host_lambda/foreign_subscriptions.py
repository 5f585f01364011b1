"""Subscriptions to topics of other accounts: LocalStack looks for them in the caller's account.

A subscription belongs to the topic's account, which is part of its ARN.
https://docs.aws.amazon.com/sns/latest/dg/sns-send-message-to-sqs-cross-account.html
"""

import copy
import functools
import importlib
from typing import Any

from localstack.runtime import hooks


@hooks.on_infra_start()
def find_foreign_subscriptions() -> None:
    """Look in the account of the subscription's ARN."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    provider: Any = importlib.import_module("localstack.services.sns.provider").SnsProvider
    for operation in ("get_subscription_attributes", "set_subscription_attributes"):
        _look_in_its_account(provider, operation)


def _look_in_its_account(provider: Any, operation: str) -> None:
    original = getattr(provider, operation)

    @functools.wraps(original)
    def call(self: Any, context: Any, subscription_arn: str, *arguments: Any, **named: Any) -> Any:
        its_own = copy.copy(context)
        its_own.account_id = subscription_arn.split(":")[4]
        return original(self, its_own, subscription_arn, *arguments, **named)

    setattr(provider, operation, call)
