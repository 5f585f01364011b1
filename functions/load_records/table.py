"""Write items: in requests as large as DynamoDB accepts, several at a time, with retries.

This module interprets responses. A `Send` sends the requests: `load_records.dynamodb` on Lambda, an
in-memory one in unit tests.
"""

from __future__ import annotations

import itertools
import random
import re
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import msgspec

from object_consumer import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

# BatchWriteItem accepts 25 items and 16 MB. An item of 400 KB has at most 3 MB in DynamoDB's JSON.
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
MAX_ITEMS = 25
MAX_BYTES = 4 * 1024 * 1024

# Concurrent requests for all objects: 40,000 items a second if each request takes 10 ms.
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
# The records have the key of the settings, so the table's key is different.
_OTHER_KEY = re.compile(
    r"key element does not match the schema|Missing the key|Type mismatch for key"
)
_MAX_REASON = 300


class Answer(msgspec.Struct, frozen=True):
    """A response of DynamoDB.

    Attributes
    ----------
    status
        The HTTP status.
    body
        JSON, or a proxy's error page.
    """

    status: int
    body: bytes


type Send = Callable[[bytes], Answer]


class UnansweredError(Exception):
    """A request got no response: the connection failed or timed out."""


class Patience(msgspec.Struct, frozen=True):
    """How long a request is retried.

    Attributes
    ----------
    seconds
        The maximum time without progress. Afterwards the whole object is retried later, which frees
        the function for other objects.
    base, cap
        The maximum delay in seconds before the first retry, which doubles with each retry, and the
        maximum of all delays.
    """

    seconds: float = 20
    base: float = 0.05
    cap: float = 2

    def delay(self, failures: int) -> float:
        """Return a random delay in seconds after the given number of failures.

        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        return random.uniform(0, min(self.cap, self.base * 2 ** min(failures - 1, 32)))  # noqa: S311


class _Done(msgspec.Struct, frozen=True):
    """The end of a batch: how many requests it took, and how many of its items are written."""

    requests: int
    items: int
    is_complete: bool


class Writes:
    """Requests that were started.

    Parameters
    ----------
    batches
        The end of each batch, in the order of the items.

    Attributes
    ----------
    items
        The number of items before the first one that is not written, known after `finish`.
    is_complete
        Whether all items are written, known after `finish`.
    """

    def __init__(self, batches: Sequence[Future[_Done]] = ()) -> None:
        self._batches = batches
        self.items = 0
        self.is_complete = True

    def wait(self) -> None:
        """Wait until no request is in flight, whatever became of them."""
        wait(self._batches)

    def finish(self) -> int:
        """Wait for the end.

        Returns
        -------
        int
            The number of requests.

        Raises
        ------
        RetryableError
            DynamoDB throttled or failed for too long, a permission is missing, or the table doesn't
            exist or has a different key: an operator can fix these. Some of the items may have been
            written.
        PermanentError
            DynamoDB rejected an item.
        DeadlineError
            The invocation has given the object up.
        """
        self.wait()
        done = [batch.result() for batch in self._batches]
        written = list(itertools.takewhile(lambda batch: batch.is_complete, done))
        self.items = sum(batch.items for batch in written)
        self.is_complete = len(written) == len(done)
        return sum(batch.requests for batch in done)


class Table:
    """A DynamoDB table to write items to. It is thread-safe.

    Parameters
    ----------
    name
        The table's name.
    send
        Sends a body of BatchWriteItem; raises `UnansweredError`.
    patience
        How long requests are retried.
    """

    def __init__(self, name: str, send: Send, *, patience: Patience | None = None) -> None:
        self.name = name
        self._send = send
        self._patience = patience or Patience()
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="table")

    def start(
        self,
        puts: Iterable[bytes],
        check: Callable[[], None],
        must_stop: Callable[[], bool] = lambda: False,
    ) -> Writes:
        """Begin to write items; writing the same items again changes nothing.

        Parameters
        ----------
        puts
            Put requests in DynamoDB's JSON, with distinct keys.
        check
            Called before each request; raises when the invocation has given the object up.
        must_stop
            Called before each request: whether the rest is left out, for another invocation.
        """
        failed = threading.Event()

        def write(batch: Sequence[bytes]) -> _Done:
            try:
                return self._write_batch(batch, check, must_stop, failed)
            except BaseException:
                failed.set()
                raise

        return Writes([self._pool.submit(write, batch) for batch in batches(puts)])

    def _write_batch(
        self,
        batch: Sequence[bytes],
        check: Callable[[], None],
        must_stop: Callable[[], bool],
        failed: threading.Event,
    ) -> _Done:
        tries, items = 0, len(batch)
        give_up_at = time.monotonic() + self._patience.seconds
        while not failed.is_set():
            check()
            if must_stop():
                break
            tries += 1
            left, reason = self._try(batch)
            if not left:
                return _Done(tries, items, is_complete=True)
            if len(left) < len(batch):
                give_up_at = time.monotonic() + self._patience.seconds
            delay = self._patience.delay(tries)
            if time.monotonic() + delay > give_up_at:
                raise RetryableError(f"writing to table {self.name!r} failed: {reason}")
            time.sleep(delay)
            batch = left
        return _Done(tries, items, is_complete=False)

    def _try(self, batch: Sequence[bytes]) -> tuple[Sequence[bytes], str]:
        """Send one request; return the items that are still to be written, and the reason."""
        body = b'{"RequestItems":{"%b":[%b]}}' % (self.name.encode(), b",".join(batch))
        try:
            left = unprocessed(self._send(body), self.name)
        except (UnansweredError, _PassingError) as error:
            return batch, str(error)
        return left, "the table is throttled: raise its write capacity, or load less at a time"


class _PassingError(Exception):
    """A transient failure of DynamoDB."""


class _Written(msgspec.Struct, rename="pascal"):
    unprocessed_items: dict[str, list[msgspec.Raw]] = {}


class _ErrorAnswer(msgspec.Struct):
    kind: str = msgspec.field(name="__type", default="")
    message: str = ""
    # Some authentication errors use this spelling.
    other_message: str = msgspec.field(name="Message", default="")


_written = msgspec.json.Decoder(_Written)
_failure = msgspec.json.Decoder(_ErrorAnswer)


def batches(puts: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Split put requests into batches that fit into one BatchWriteItem."""
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
    """Return the put requests that DynamoDB has not processed.

    Raises
    ------
    RetryableError
        DynamoDB rejected the request for a reason that an operator has to fix.
    PermanentError
        DynamoDB rejected an item.
    _PassingError
        DynamoDB throttled or failed.
    """
    if answer.status == _OK:
        try:
            left = _written.decode(answer.body).unprocessed_items
        except msgspec.MsgspecError as error:
            raise _PassingError(f"DynamoDB's response is invalid: {error}") from None
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
                f"the key of table {table!r} differs from PARTITION_KEY and SORT_KEY: {reason}"
            )
        raise PermanentError(f"table {table!r} rejected an item: {reason}")
    raise RetryableError(
        f"can't write to table {table!r}; check its name, the function's role and the KMS "
        f"key: {reason}"
    )
