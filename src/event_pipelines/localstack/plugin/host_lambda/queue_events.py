"""Pass message bodies to functions unchanged, as AWS does.

LocalStack parses a body as JSON to filter by it, and passes on the serialized result, with
different spaces and numbers (``1.10`` becomes ``1.1``), and with strings without their quotes.
"""

import importlib
from typing import Any

from localstack.runtime import hooks


class _Event(dict[str, Any]):
    """An event with the original body of its message."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.sent_body = fields["body"]


@hooks.on_infra_start()
def keep_message_bodies() -> None:
    """Restore the bodies after filtering; fails if LocalStack no longer has these steps."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    module: Any = importlib.import_module(
        "localstack.services.lambda_.event_source_mapping.pollers.sqs_poller"
    )
    make_events, filter_events = module.transform_into_events, module.SqsPoller.filter_events

    def make(messages: list[dict[str, Any]]) -> list[_Event]:
        return [_Event(event) for event in make_events(messages)]

    def keep(poller: Any, events: list[_Event]) -> list[_Event]:
        kept: list[_Event] = filter_events(poller, events)
        for event in kept:
            event["body"] = event.sent_body
        return kept

    module.transform_into_events, module.SqsPoller.filter_events = make, keep
