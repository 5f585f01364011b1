"""S3's events as AWS writes them, where LocalStack's differ.

- A notification's key is form-encoded: a space is ``+``, only slashes are kept.
- An EventBridge event's key is not encoded at all, and its reason is one of AWS's.
- Sequencers grow with each request, so the events of one key can be compared, in whatever order
  LocalStack's threads send them.
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
    """Replace what differs; fails, and LocalStack with it, when that is not there any more."""
    # Imported here, as LocalStack starts in silence without a hook that can't be imported.
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
    """Return events their sequencers in the threads of their requests; senders run side by side."""
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
