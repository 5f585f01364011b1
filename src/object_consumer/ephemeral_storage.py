"""Report a full file system as what it is: a file that is too large for the function's storage."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from object_consumer.errors import ObjectTooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def room_for(uri: str) -> Iterator[None]:
    """Write an object's content to files in this block.

    Raises
    ------
    ObjectTooLargeError
        The file system is full. The sizes in its message are Lambda's:
        https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html
    """
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise ObjectTooLargeError(
            f"{uri} doesn't fit into the ephemeral storage: raise the function's "
            "ephemeral_storage_mb (512 by default, at most 10,240), or split the file"
        ) from None
