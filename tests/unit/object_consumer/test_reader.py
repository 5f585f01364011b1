"""Objects as files that are read in parts: versions, seeking, broken connections, memory."""

import errno
import io
import random
import threading
from collections.abc import Buffer, Callable
from pathlib import Path
from typing import override

import pytest
from obstore import Bytes

from object_consumer import (
    DeadlineError,
    ObjectNotFoundError,
    ObjectStore,
    ObjectSupersededError,
    ObjectTooLargeError,
    StorageError,
    reader,
)
from object_consumer.budget import ByteBudget, ObjectReservation
from object_consumer.testing import MemoryStore, MemoryTransport, make_event
from object_consumer.transport import Address, Response

PART = 10
CONTENT = random.Random(1).randbytes(95)  # noqa: S311


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of ten bytes, and no waiting before one is requested again."""
    monkeypatch.setattr(reader, "PART_BYTES", PART)
    monkeypatch.setattr(reader, "_WAITS", (0, 0))


class CountingTransport(MemoryTransport):
    """Remembers the ranges that are requested, and can fail while a body is read."""

    def __init__(self) -> None:
        super().__init__()
        self.requested: list[int] = []
        self.broken: dict[int, int] = {}
        self.all_requested = threading.Event()
        self._lock = threading.Lock()

    def get(self, address: Address, byte_range: tuple[int, int] | None = None) -> Response:
        """Note the first byte of the range."""
        start = byte_range[0] if byte_range else 0
        with self._lock:
            self.requested.append(start)
            if len(self.requested) == 3:
                self.all_requested.set()
        response = super().get(address, byte_range)

        def body() -> Bytes:
            with self._lock:
                self.broken[start] = self.broken.get(start, 0) - 1
                if self.broken[start] >= 0:
                    raise StorageError("the connection broke off")
            return response.body()

        return Response(response.size, body, response.etag, response.content_encoding)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 20, 95])
@pytest.mark.parametrize("read", [1, 7, 10, 25, -1])
def test_every_byte_is_read_whatever_the_sizes(size: int, read: int) -> None:
    files = MemoryStore()
    event = files.upload("a", CONTENT[:size])

    with files.open(event) as file:
        assert b"".join(iter(lambda: file.read(read), b"")) == CONTENT[:size]


def test_lines_are_read_across_parts() -> None:
    files = MemoryStore()
    lines = [b"x" * length + b"\n" for length in (0, 3, 30, 9, 1)]

    with files.open(files.upload("a", b"".join(lines))) as file:
        assert list(file) == lines


def test_any_position_can_be_read_in_any_order() -> None:
    files, choose = MemoryStore(), random.Random(2)  # noqa: S311
    with files.open(files.upload("a", CONTENT)) as file:
        for _ in range(200):
            position, count = choose.randrange(len(CONTENT) + 5), choose.randrange(30)
            file.seek(position)
            assert file.read(count) == CONTENT[position : position + count]
        assert file.seek(-5, 2) == len(CONTENT) - 5
        assert file.read() == CONTENT[-5:]


def test_seeking_requests_only_the_parts_that_are_read() -> None:
    transport = CountingTransport()
    files = MemoryStore(transport=transport)
    event = files.upload("a", CONTENT)

    with ObjectStore(transport).open(event, decompress=False) as file:
        file.seek(80)
        assert file.read(5) == CONTENT[80:85]
    assert transport.requested == [0, 80]


def test_the_next_parts_are_requested_ahead() -> None:
    transport = CountingTransport()
    files = MemoryStore(transport=transport)

    with files.open(files.upload("a", CONTENT), decompress=False) as file:
        assert file.raw.read(1) == CONTENT[:1]
        assert transport.all_requested.wait(10)
        assert set(transport.requested) == {0, 10, 20}


def test_exactly_the_version_of_the_event_is_read() -> None:
    files = MemoryStore()
    event = files.upload("a", CONTENT)

    with files.open(event) as file:
        files.upload("a", b"newer")
        assert file.read() == CONTENT
    with files.open(event) as again:
        assert again.read() == CONTENT


def test_a_file_that_is_replaced_while_it_is_read_is_superseded() -> None:
    files = MemoryStore()
    uploaded = files.upload("a", CONTENT)
    event = make_event("a", etag=uploaded.etag, size=len(CONTENT))

    with files.open(event) as file:
        file.raw.read(1)
        files.upload("a", CONTENT[::-1])
        with pytest.raises(ObjectSupersededError):
            file.read()
    with pytest.raises(ObjectSupersededError):
        files.open(event)


def test_reference_data_that_is_replaced_while_it_is_read_is_read_again_later() -> None:
    files = MemoryStore()
    files.upload("a", CONTENT)

    with files.open("s3://test-bucket/a") as file:
        file.raw.read(1)
        files.upload("a", CONTENT[::-1])
        with pytest.raises(StorageError, match="s3://test-bucket/a changed while it was read"):
            file.read()


def test_a_part_whose_connection_breaks_off_is_requested_again() -> None:
    transport = CountingTransport()
    files = MemoryStore(transport=transport)
    event = files.upload("a", CONTENT)
    transport.broken = {0: 2, 40: 1}

    with files.open(event) as file:
        assert file.read() == CONTENT
    assert (transport.requested.count(0), transport.requested.count(40)) == (3, 2)


def test_a_part_that_never_arrives_is_a_passing_failure() -> None:
    transport = CountingTransport()
    files = MemoryStore(transport=transport)
    event = files.upload("a", CONTENT)
    transport.broken = {40: 99}

    with files.open(event) as file, pytest.raises(StorageError, match="broke off"):
        file.read()
    assert transport.requested.count(40) == 3


def test_a_missing_file_and_a_deletion_are_permanent_errors() -> None:
    files = MemoryStore()

    for event in (make_event("a"), make_event("a", event_name="ObjectRemoved:Delete")):
        with pytest.raises(ObjectNotFoundError):
            files.open(event)


def test_a_reader_holds_its_buffer_until_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "BUFFERED_BYTES", 30)
    budget = ByteBudget(1000)
    reservation = ObjectReservation(budget)
    files = MemoryStore(reservation=reservation)
    event, small = files.upload("a", CONTENT), files.upload("b", CONTENT[:4])

    with files.open(event), files.open(small):
        assert budget.held == 34
    assert budget.held == 0
    with pytest.raises(ObjectNotFoundError):
        files.open(make_event("missing", size=5))
    assert budget.held == 0
    reservation.end()
    assert budget.held == 0


def test_how_far_a_file_was_read_is_known() -> None:
    reservation = ObjectReservation(ByteBudget(1000))
    files = MemoryStore(reservation=reservation)

    with files.open(files.upload("a", CONTENT)) as file:
        file.seek(42)
        file.read(1)
    assert reservation.progress == (50, 95)


def test_reading_ends_when_the_object_is_given_up() -> None:
    reservation = ObjectReservation(ByteBudget(1))
    files = MemoryStore(reservation=reservation)

    with files.open(files.upload("a", CONTENT)) as file:
        file.raw.read(1)
        reservation.abandon()
        with pytest.raises(DeadlineError):
            file.read()


def test_a_file_over_the_limit_is_refused_before_it_is_read() -> None:
    transport = CountingTransport()
    files = MemoryStore(transport=transport)
    event = files.upload("a", CONTENT)

    with pytest.raises(ObjectTooLargeError, match="95 bytes; this consumer accepts 94"):
        files.open(event, max_bytes=94)
    assert transport.requested == []
    with pytest.raises(ObjectTooLargeError, match="95 bytes; this consumer accepts 94"):
        files.open("s3://test-bucket/a", max_bytes=94)
    with files.open(event, max_bytes=95) as file:
        assert file.read() == CONTENT


def test_a_file_is_downloaded(tmp_path: Path) -> None:
    files = MemoryStore()

    assert files.download(files.upload("a", CONTENT), tmp_path / "a") == 95
    assert (tmp_path / "a").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), ObjectTooLargeError),
        (OSError(errno.EIO, "Input/output error"), OSError),
    ],
)
def test_a_download_that_fails_leaves_no_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    expected: type[Exception],
) -> None:
    class Full(io.BytesIO):
        @override
        def write(self, _data: Buffer, /) -> int:
            raise failure

    def create(path: Path, _mode: str) -> io.BytesIO:
        path.touch()
        return Full()

    monkeypatch.setattr(Path, "open", create)
    files = MemoryStore()

    with pytest.raises(expected) as raised:
        files.download(files.upload("a", CONTENT), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    assert ("ephemeral_storage_mb" in str(raised.value)) == (expected is ObjectTooLargeError)


@pytest.mark.parametrize("use", [lambda file: file.read(1), lambda file: file.raw.read(1)])
def test_a_closed_file_is_not_read(use: Callable[[object], object]) -> None:
    files = MemoryStore()
    file = files.open(files.upload("a", CONTENT))
    file.close()
    file.close()

    with pytest.raises(ValueError, match="closed file"):
        use(file)
