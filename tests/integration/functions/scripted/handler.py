"""Handle an object as its key says, so that a test decides the outcome by naming a file.

- ``.../until-released/...`` can't be handled before an object of the same key exists under
  ``released/``;
- ``.../never/...`` fails with an error the runtime knows nothing about;
- ``.../crash/...`` takes the whole process down;
- anything else is handled.
"""

import os
import signal
from collections.abc import Mapping

from object_consumer import (
    ObjectEvent,
    ObjectNotFoundError,
    ObjectStore,
    RetryableError,
    object_consumer,
)


@object_consumer
def handler(event: ObjectEvent, store: ObjectStore) -> Mapping[str, object]:
    """Follow the instruction in the object's key."""
    instruction = event.key.split("/")[-2]
    if instruction == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if instruction == "never":
        raise ZeroDivisionError(f"no way to handle {event.key}")
    if instruction == "until-released":
        try:
            store.read(f"s3://{event.bucket}/released/{event.key}")
        except ObjectNotFoundError:
            raise RetryableError(f"{event.key} is not released", retry_after=1) from None
    return {"size": len(store.read(event))}
