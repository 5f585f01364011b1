"""What is delivered to a consumer: S3's notifications, and batches of SQS with messages in them."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from object_consumer import ObjectEvent

QUEUE_ARN = "arn:aws:sqs:eu-west-1:111122223333:orders-transform"


def notification(*events: ObjectEvent) -> dict[str, Any]:
    """Write events as S3 does."""
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "awsRegion": event.region,
                "eventTime": event.event_time.isoformat(),
                "eventName": event.event_name,
                "s3": {
                    "bucket": {"name": event.bucket},
                    "object": {
                        "key": quote_plus(event.key, safe="/"),
                        "size": event.size,
                        "eTag": event.etag,
                        "versionId": event.version_id,
                        "sequencer": event.sequencer,
                    },
                },
            }
            for event in events
        ]
    }


def batch(
    *bodies: object,
    receive_count: int = 1,
    groups: list[str] | None = None,
    system: Mapping[str, object] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write a batch as Lambda hands it over; the messages are m0, m1, ..."""
    return {
        "Records": [
            {
                "messageId": f"m{position}",
                "receiptHandle": f"r{position}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": str(receive_count)}
                | ({"MessageGroupId": groups[position]} if groups else {})
                | dict(system or {}),
                "messageAttributes": attributes or {},
                "eventSource": "aws:sqs",
                "eventSourceARN": QUEUE_ARN + (".fifo" if groups else ""),
            }
            for position, body in enumerate(bodies)
        ]
    }
