"""The exceptions that determine the outcome of an object.

A consumer's function raises one of these to determine what happens next. Any other exception counts
as a temporary error: the object is retried, and dead-lettered after its last receive.
"""

from __future__ import annotations


class PermanentError(Exception):
    """The object can't be processed; a retry would not help.

    Its message is dead-lettered at once: sent to the dead-letter queue with this error's type and
    text, then acknowledged.
    """


class ObjectNotFoundError(PermanentError):
    """The object, or the version the event names, no longer exists.

    Parameters
    ----------
    message
        Which object.
    is_final
        Whether S3's response rules out that the object is only not visible yet.
    """

    # Also on the class, for subclasses that don't call this initializer.
    is_final: bool = True

    def __init__(self, message: str = "", *, is_final: bool = True) -> None:
        super().__init__(message)
        self.is_final = is_final


class ObjectTooLargeError(PermanentError):
    """The object is larger than the consumer accepts; raised before its body is read."""


class MessageFormatError(PermanentError):
    """A message is not an object event in a known envelope."""


class RetryableError(Exception):
    """The object may succeed later; its message becomes visible again after a delay.

    Parameters
    ----------
    message
        What went wrong, as an operator needs it.
    retry_after
        Seconds to wait before the next attempt. Without a number, the delay grows with each
        receive.
    """

    retry_after: float | None = None

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StorageError(RetryableError):
    """Amazon S3 rejected or failed a request that may succeed later."""


class ObjectNotVisibleError(RetryableError):
    """S3 doesn't find the object of a recent event: it may be deleted, or not visible yet."""


class DeadlineError(RetryableError):
    """The invocation ran out of time before the object was finished."""


class SkippedError(Exception):
    """Nothing needs to be done for the object: it is acknowledged, and logged with the reason.

    Parameters
    ----------
    reason
        A short, constant word or phrase, suitable for counting: ``"superseded"``.
    """

    reason: str = "skipped"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ObjectSupersededError(SkippedError):
    """A newer object with the same key has replaced the one the event names.

    Only in buckets without versioning; the newer object has its own event.
    """

    def __init__(self) -> None:
        super().__init__("superseded")


class SettingError(Exception):
    """An environment variable is missing or has an invalid value."""
