"""Mappings wait at their queues for messages, as Lambda does.

Lambda uses long polling. LocalStack asks a queue without a batching window anew each time: a
message waits for the next time, and a few dozen quiet queues keep a core busy.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

import importlib
from typing import Any

from localstack.runtime import hooks

# Not Lambda's 20 seconds: a mapping that is switched off or removed ends with its last poll.
WAIT_SECONDS = 2


@hooks.on_infra_start()
def wait_for_messages() -> None:
    """Make polls long; fails, and LocalStack with it, when there are no such polls any more."""
    # Imported here, as LocalStack starts in silence without a hook that can't be imported.
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
