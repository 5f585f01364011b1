"""The consumer runtime: you write a function for one object, the runtime handles delivery.

    from object_consumer import ObjectEvent, ObjectStore, object_consumer, settings

    OUTPUT_BUCKET = settings.text("OUTPUT_BUCKET")

    @object_consumer
    def handler(event: ObjectEvent, store: ObjectStore) -> dict[str, object]:
        body = store.read(event)
        written = store.write(OUTPUT_BUCKET, event.key, body, content_type="text/plain")
        return {"output": written.uri}

`handler` is the Lambda handler. It accepts S3 events in any envelope (directly, or through SQS,
SNS, EventBridge and combinations of them), calls the function for each object of a batch in
parallel, and answers with a partial batch response. What the function does decides the outcome:

- it returns: the object is done; a returned mapping becomes fields of the object's log line
- it returns `Continue(cursor)`: another invocation goes on with the object, with this cursor as
  `store.cursor`, for work that takes longer than one invocation; needs a ledger
- it raises `PermanentError`: the message goes to the dead-letter queue, with the reason
- it raises `SkippedError`: the message is acknowledged and the reason logged
- it raises another exception: the message is retried later; `RetryableError` can set the delay
"""

from object_consumer import settings
from object_consumer.continuation import Continue
from object_consumer.errors import (
    DeadlineError,
    MessageFormatError,
    ObjectNotFoundError,
    ObjectNotVisibleError,
    ObjectSupersededError,
    ObjectTooLargeError,
    PermanentError,
    RetryableError,
    SettingError,
    SkippedError,
    StorageError,
)
from object_consumer.events import ObjectEvent
from object_consumer.handler import ConsumerHandler, object_consumer
from object_consumer.store import ObjectStore
from object_consumer.transport import WrittenObject

__all__ = [
    "ConsumerHandler",
    "Continue",
    "DeadlineError",
    "MessageFormatError",
    "ObjectEvent",
    "ObjectNotFoundError",
    "ObjectNotVisibleError",
    "ObjectStore",
    "ObjectSupersededError",
    "ObjectTooLargeError",
    "PermanentError",
    "RetryableError",
    "SettingError",
    "SkippedError",
    "StorageError",
    "WrittenObject",
    "object_consumer",
    "settings",
]
