"""Handle an object as its key says, so that a test decides the outcome by naming a file.

- ``.../until-released/...`` can't be handled before an object of the same key exists under
  ``released/``;
- ``.../never/...`` fails with an error the runtime knows nothing about;
- ``.../crash/...`` takes the whole process down;
- ``.../whole/...`` is copied in parts;
- ``.../upload-that-fails/...`` is copied in parts until a permanent error;
- ``.../in-parts/...`` takes three invocations, each of which writes a part of the output;
- ``.../in-parts-with-a-crash/...`` does so too, and takes the process down in the second one, once;
- anything else is handled.
"""

import os
import shutil
import signal
from collections.abc import Mapping

from object_consumer import (
    Continue,
    ObjectEvent,
    ObjectNotFoundError,
    ObjectStore,
    PermanentError,
    RetryableError,
    object_consumer,
)

PARTS = 3


@object_consumer
def handler(event: ObjectEvent, store: ObjectStore) -> Mapping[str, object] | Continue:
    """Follow the instruction in the object's key."""
    instruction = event.key.split("/")[-2]
    if instruction == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if instruction == "never":
        raise ZeroDivisionError(f"no way to handle {event.key}")
    if instruction in {"whole", "upload-that-fails"}:
        return _copy(event, store, fails=instruction != "whole")
    if instruction == "until-released":
        try:
            store.read(f"s3://{event.bucket}/released/{event.key}")
        except ObjectNotFoundError:
            raise RetryableError(f"{event.key} is not released", retry_after=1) from None
    if instruction in {"in-parts", "in-parts-with-a-crash"}:
        return _do_a_part(event, store, crashes=instruction.endswith("crash"))
    return {"size": len(store.read(event))}


def _do_a_part(
    event: ObjectEvent, store: ObjectStore, *, crashes: bool
) -> Mapping[str, object] | Continue:
    bucket, folder = os.environ["OUTPUT_BUCKET"], os.environ["OUTPUT_PREFIX"] + event.key
    part = 0 if store.cursor is None else store.cursor["part"]
    if crashes and part == 1:
        # The name is one that the function may read.
        crashed = f"{folder}/released/crashed"
        try:
            store.read(f"s3://{bucket}/{crashed}")
        except ObjectNotFoundError:
            store.write(bucket, crashed, b"once", content_type="text/plain")
            os.kill(os.getpid(), signal.SIGKILL)
    store.write(bucket, f"{folder}/{part}", b"done", content_type="text/plain")
    if part + 1 < PARTS:
        return Continue({"part": part + 1}, progress=f"{part + 1} of {PARTS} parts")
    return {"parts": PARTS}


def _copy(event: ObjectEvent, store: ObjectStore, *, fails: bool) -> Mapping[str, object]:
    bucket, key = os.environ["OUTPUT_BUCKET"], os.environ["OUTPUT_PREFIX"] + event.key
    with store.open(event) as file, store.create(bucket, key, content_type="text/plain") as output:
        shutil.copyfileobj(file, output)
        if fails:
            raise PermanentError(f"{event.key} can't be stored")
    return {"size": output.written.size, "version": output.written.version_id}
