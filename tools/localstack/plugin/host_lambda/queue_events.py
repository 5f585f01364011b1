"""Messages of a queue as functions get them on AWS: their bodies to the byte.

LocalStack reads a body as JSON to filter by it, and hands on what it writes from that: other
spaces, other numbers (``1.10`` becomes ``1.1``), and a text without its quotes.
"""

import importlib
from typing import Any

from localstack.runtime import hooks


class _Event(dict[str, Any]):
    """An event that still knows the body its message came with."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.sent_body = fields["body"]


@hooks.on_infra_start()
def keep_message_bodies() -> None:
    """Put the bodies back after filtering; fails when LocalStack has no such steps any more."""
    # Imported here, as LocalStack starts in silence without a hook that can't be imported.
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
