"""Correct S3 events where LocalStack's differ from AWS's.

- A notification's key is form-encoded: a space is ``+``, only slashes are not encoded.
- An EventBridge event's key is not encoded, and its reason is one of AWS's.
- Sequencers increase with each request, so the events of one key can be compared, in whatever
  order LocalStack's threads send them.
"""

import importlib
import itertools
import json
import time
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from localstack.runtime import hooks

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
_REASONS = {
    "CompleteMultipartUpload": "CompleteMultipartUpload",
    "PostObject": "POST Object",
}

_sequence = itertools.count(time.time_ns())


@hooks.on_infra_start()
def emulate_s3_events() -> None:
    """Replace the code that differs; LocalStack fails to start if it no longer exists."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    notifications: Any = importlib.import_module("localstack.services.s3.notifications")
    if not hasattr(notifications, "quote"):
        raise RuntimeError("localstack.services.s3.notifications no longer encodes keys by quote")
    notifications.quote = _encode
    _number_events(notifications.NotificationDispatcher)
    _wrap(notifications.BaseNotifier, _number_records)
    _wrap(notifications.EventBridgeNotifier, _decode_entry)


def _encode(key: str) -> str:
    return quote_plus(key, safe="/")


def _number_events(dispatcher: Any) -> None:
    """Assign sequencers in the threads of the requests, because senders run in parallel."""
    original = dispatcher.send_notifications

    def send_notifications(self: Any, ctx: Any, *arguments: Any, **named: Any) -> Any:
        ctx.sequencer = f"{next(_sequence):018X}"
        return original(self, ctx, *arguments, **named)

    dispatcher.send_notifications = send_notifications


def _wrap(notifier: Any, change: Any) -> None:
    original = notifier.__dict__["_get_event_payload"].__func__

    def payload(ctx: Any, *arguments: Any, **named: Any) -> Any:
        return change(original(ctx, *arguments, **named), ctx.sequencer)

    notifier._get_event_payload = staticmethod(payload)


def _number_records(notification: Any, sequencer: str) -> Any:
    for record in notification["Records"]:
        if "sequencer" in record["s3"]["object"]:
            record["s3"]["object"]["sequencer"] = sequencer
    return notification


def _decode_entry(entry: Any, sequencer: str) -> Any:
    detail = json.loads(entry["Detail"])
    stored = detail["object"]
    stored["key"] = unquote_plus(stored["key"])
    if "sequencer" in stored:
        stored["sequencer"] = sequencer
    reason = detail.get("reason", "").rpartition(":")[2]
    if reason in _REASONS:
        detail["reason"] = _REASONS[reason]
    return {**entry, "Detail": json.dumps(detail)}
