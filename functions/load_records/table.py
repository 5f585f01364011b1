"""Writing items: as many in a request as DynamoDB takes, several requests at once, until all are.

What an answer means is decided here; how requests travel is a `Send`: `load_records.dynamodb` on
Lambda, memory in unit tests.
"""

from __future__ import annotations

import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from object_consumer import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

# BatchWriteItem takes 25 items and 16 MB. An item of 400 KB is at most 3 MB in DynamoDB's JSON.
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
MAX_ITEMS = 25
MAX_BYTES = 4 * 1024 * 1024

# Requests of all objects together: 40,000 items a second if each takes 10 ms.
IN_FLIGHT = 16

_OK = 200
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_PASSING = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "ThrottlingException",
    }
)
# The records have the key that the settings describe, so the table has another one.
_OTHER_KEY = re.compile(
    r"key element does not match the schema|Missing the key|Type mismatch for key"
)
_MAX_REASON = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What DynamoDB answered.

    Attributes
    ----------
    status
        The HTTP status.
    body
        JSON, or whatever a proxy on the way wrote.
    """

    status: int
    body: bytes


type Send = Callable[[bytes], Answer]


class UnansweredError(Exception):
    """A request was not answered: the connection failed, or took too long."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one request is repeated.

    Attributes
    ----------
    seconds
        How long while DynamoDB takes none of its items. Afterwards the object is retried as a
        whole, which frees the function for others meanwhile.
    base, cap
        The longest delay in seconds before the second try, which doubles with each, and at all.
    """

    seconds: float = 20
    base: float = 0.05
    cap: float = 2

    def delay(self, failures: int) -> float:
        """Draw the delay in seconds after so many tries.

        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        return random.uniform(0, min(self.cap, self.base * 2 ** min(failures - 1, 32)))  # noqa: S311


class Table:
    """A DynamoDB table that items are put into. Safe to use from several threads.

    Parameters
    ----------
    name
        The table's name.
    send
        How a body of BatchWriteItem travels; raises `UnansweredError`.
    patience
        How long requests are repeated.
    """

    def __init__(self, name: str, send: Send, *, patience: Patience | None = None) -> None:
        self.name = name
        self._send = send
        self._patience = patience or Patience()
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="table")

    def write(self, puts: Iterable[bytes], check: Callable[[], None]) -> int:
        """Write items; writing the same again changes nothing.

        Parameters
        ----------
        puts
            Put requests in DynamoDB's JSON, each of another key.
        check
            Called before each request; raises when the invocation has given the object up.

        Returns
        -------
        int
            The requests it took.

        Raises
        ------
        RetryableError
            DynamoDB throttled or failed for too long, or refused because of permissions, or because
            the table does not exist or has another key: these are mended. Some of the items may
            have been written.
        PermanentError
            DynamoDB refused an item.
        DeadlineError
            The invocation has given the object up.
        """
        failed = threading.Event()

        def write(batch: Sequence[bytes]) -> int:
            try:
                return self._write_batch(batch, check, failed)
            except BaseException:
                failed.set()
                raise

        futures = [self._pool.submit(write, batch) for batch in batches(puts)]
        wait(futures)
        return sum(future.result() for future in futures)

    def _write_batch(
        self, batch: Sequence[bytes], check: Callable[[], None], failed: threading.Event
    ) -> int:
        tries = 0
        give_up_at = time.monotonic() + self._patience.seconds
        while not failed.is_set():
            check()
            tries += 1
            left, reason = self._try(batch)
            if not left:
                break
            if len(left) < len(batch):
                give_up_at = time.monotonic() + self._patience.seconds
            delay = self._patience.delay(tries)
            if time.monotonic() + delay > give_up_at:
                raise RetryableError(f"writing to table {self.name!r} failed: {reason}")
            time.sleep(delay)
            batch = left
        return tries

    def _try(self, batch: Sequence[bytes]) -> tuple[Sequence[bytes], str]:
        """Send one request; give the items that are left to be written, and why."""
        body = b'{"RequestItems":{"%b":[%b]}}' % (self.name.encode(), b",".join(batch))
        try:
            left = unprocessed(self._send(body), self.name)
        except (UnansweredError, _PassingError) as error:
            return batch, str(error)
        return left, "the table is throttled: raise its write capacity, or load less at once"


class _PassingError(Exception):
    """DynamoDB failed in a way that passes by itself."""


class _Written(msgspec.Struct, rename="pascal"):
    unprocessed_items: dict[str, list[msgspec.Raw]] = {}


class _ErrorAnswer(msgspec.Struct):
    kind: str = msgspec.field(name="__type", default="")
    message: str = ""
    # Some errors of authentication spell it so.
    other_message: str = msgspec.field(name="Message", default="")


_written = msgspec.json.Decoder(_Written)
_failure = msgspec.json.Decoder(_ErrorAnswer)


def batches(puts: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Split put requests into what fits into one BatchWriteItem."""
    batch: list[bytes] = []
    size = 0
    for put in puts:
        if batch and (len(batch) == MAX_ITEMS or size + len(put) > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(put)
        size += len(put) + 1
    if batch:
        yield batch


def unprocessed(answer: Answer, table: str) -> list[bytes]:
    """Read which put requests have not been carried out.

    Raises
    ------
    RetryableError
        DynamoDB refused for a reason that somebody has to mend.
    PermanentError
        DynamoDB refused an item.
    _PassingError
        DynamoDB throttled or failed.
    """
    if answer.status == _OK:
        try:
            left = _written.decode(answer.body).unprocessed_items
        except msgspec.MsgspecError as error:
            raise _PassingError(f"DynamoDB's answer can't be read: {error}") from None
        return [bytes(put) for puts in left.values() for put in puts]
    try:
        failure = _failure.decode(answer.body)
    except msgspec.MsgspecError:
        failure = _ErrorAnswer()
    kind = failure.kind.rpartition("#")[2] or f"HTTP status {answer.status}"
    reason = f"{kind}: {(failure.message or failure.other_message)[:_MAX_REASON]}"
    if kind in _PASSING or answer.status in {_TOO_MANY_REQUESTS, *range(_SERVER_ERROR, 600)}:
        raise _PassingError(reason)
    if kind == "ValidationException":
        if _OTHER_KEY.search(reason):
            raise RetryableError(
                f"table {table!r} has another key than PARTITION_KEY and SORT_KEY say: {reason}"
            )
        raise PermanentError(f"table {table!r} refused an item: {reason}")
    raise RetryableError(
        f"table {table!r} can't be written to; check its name, the function's role and the KMS "
        f"key: {reason}"
    )
