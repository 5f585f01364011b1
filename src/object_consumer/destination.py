"""Where a function writes its outputs, and what they say of their source."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from object_consumer import settings
from object_consumer.errors import PermanentError

if TYPE_CHECKING:
    from object_consumer.events import ObjectEvent

# S3 accepts 2 KB of metadata, including names; see ObjectStore.write for why it is encoded.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
_MAX_SOURCE = 1500


class Destination(msgspec.Struct, frozen=True):
    """The bucket and the prefix of a function's outputs."""

    bucket: str
    prefix: str = ""

    def refuse_own(self, event: ObjectEvent) -> None:
        """Reject an object that the function may have written: it would cause a loop.

        Raises
        ------
        PermanentError
            The object is under the prefix of the outputs.
        """
        if event.bucket == self.bucket and event.key.startswith(self.prefix):
            advice = (
                "keep the pipeline's filter away from it, or choose another OUTPUT_PREFIX"
                if self.prefix
                else "set OUTPUT_PREFIX, or another OUTPUT_BUCKET"
            )
            raise PermanentError(
                f"{event.uri} is in this function's output, s3://{self.bucket}/{self.prefix}: "
                f"it would process its own output in a loop; {advice}"
            )


def load_destination() -> Destination:
    """Read OUTPUT_BUCKET and OUTPUT_PREFIX, which the modules set.

    Raises
    ------
    SettingError
        OUTPUT_BUCKET is missing.
    """
    return Destination(settings.text("OUTPUT_BUCKET"), settings.text("OUTPUT_PREFIX", ""))


def source_version(event: ObjectEvent) -> str:
    """Return the version of an object, or its ETag in a bucket without versioning."""
    return event.version_id or event.etag or ""


def source_metadata(event: ObjectEvent) -> dict[str, str]:
    """Return the metadata of an output: ``source-version``, and ``source`` unless it is too long.

    ``source`` is the S3 URI, percent-encoded.
    """
    metadata = {"source-version": source_version(event)}
    uri = quote(event.uri, safe=":/")
    if len(uri) <= _MAX_SOURCE:
        metadata["source"] = uri
    return metadata
