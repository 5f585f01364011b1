"""Let event source mappings use long polling, as Lambda does.

Without a batching window, LocalStack uses short polling: messages wait for the next poll, and a few
dozen idle queues keep a core busy.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

import importlib
from typing import Any

from localstack.runtime import hooks

# Less than Lambda's 20 seconds: a disabled or deleted mapping ends only after its last poll. Not
# much less either: the polls of a few dozen idle queues are most of LocalStack's requests.
WAIT_SECONDS = 5


@hooks.on_infra_start()
def wait_for_messages() -> None:
    """Use long polling; LocalStack fails to start if its polling code has changed."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    module: Any = importlib.import_module(
        "localstack.services.lambda_.event_source_mapping.pollers.sqs_poller"
    )
    register = module.SqsPoller._register_client_hooks

    def register_wait(poller: Any) -> None:
        register(poller)
        event = "provide-client-params.sqs.ReceiveMessage"
        poller.source_client.meta.events.register(event, _wait)

    module.SqsPoller._register_client_hooks = register_wait


def _wait(params: dict[str, Any], **_context: Any) -> None:
    params["WaitTimeSeconds"] = params.get("WaitTimeSeconds") or WAIT_SECONDS
