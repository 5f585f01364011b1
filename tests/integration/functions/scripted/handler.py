"""Handle an object as its key says, so that a test decides the outcome by naming a file.

- ``.../until-released/...`` can't be handled before an object of the same key exists under
  ``released/``;
- ``.../never/...`` fails with an error the runtime knows nothing about;
- ``.../crash/...`` takes the whole process down;
- ``.../upload-that-fails/...`` begins an upload in parts and gives it up, as `ObjectStore.write`
  does with a large object when a part fails;
- anything else is handled.
"""

import os
import signal
from collections.abc import Mapping

import boto3

from object_consumer import (
    ObjectEvent,
    ObjectNotFoundError,
    ObjectStore,
    PermanentError,
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
    if instruction == "upload-that-fails":
        _give_up_an_upload(os.environ["OUTPUT_BUCKET"], os.environ["OUTPUT_PREFIX"] + event.key)
        raise PermanentError(f"{event.key} can't be stored")
    if instruction == "until-released":
        try:
            store.read(f"s3://{event.bucket}/released/{event.key}")
        except ObjectNotFoundError:
            raise RetryableError(f"{event.key} is not released", retry_after=1) from None
    return {"size": len(store.read(event))}


def _give_up_an_upload(bucket: str, key: str) -> None:
    s3 = boto3.client("s3")
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
