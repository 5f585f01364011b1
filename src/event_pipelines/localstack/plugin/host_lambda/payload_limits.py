"""The size limit of an invocation's event.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html. The limit of responses is
in `runtime_api`.
"""

import importlib
import json
from collections.abc import Iterator
from typing import Any

from localstack.runtime import hooks

MAX_EVENT_BYTES = 6 * 1024 * 1024
MAX_ASYNCHRONOUS_EVENT_BYTES = 1024 * 1024

# The size of an event's other fields: the queue's ARN, the region.
ADDED_TO_MESSAGE_BYTES = 512


@hooks.on_infra_start()
def limit_payloads() -> None:
    """Reject events that are too large, and split a queue's messages accordingly."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    importlib.import_module("localstack.aws.handlers").serve_custom_service_request_handlers.append(
        _refuse_if_too_big
    )
    poller: Any = importlib.import_module(
        "localstack.services.lambda_.event_source_mapping.pollers.sqs_poller"
    ).SqsPoller
    handle_messages = poller.handle_messages

    def handle(self: Any, messages: list[dict[str, Any]]) -> None:
        for batch in split(messages):
            handle_messages(self, batch)

    poller.handle_messages = handle


def split(messages: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the messages in batches that fit into one event each.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
    """
    batch: list[dict[str, Any]] = []
    size = 0
    for message in messages:
        added = len(json.dumps(message, default=str)) + ADDED_TO_MESSAGE_BYTES
        if batch and size + added > MAX_EVENT_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += added
    yield batch


def _refuse_if_too_big(_chain: Any, context: Any, _response: Any) -> None:
    if context.service is None or context.service.service_name != "lambda":
        return
    if context.operation.name != "Invoke":
        return
    asynchronous = context.request.headers.get("X-Amz-Invocation-Type") == "Event"
    limit = MAX_ASYNCHRONOUS_EVENT_BYTES if asynchronous else MAX_EVENT_BYTES
    if (context.request.content_length or 0) > limit:
        api = importlib.import_module("localstack.aws.api.lambda_")
        raise api.RequestTooLargeException(
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        )
