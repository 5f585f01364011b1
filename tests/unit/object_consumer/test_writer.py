"""Objects that are written in parts: all of them or nothing."""

import threading
from array import array

import pytest

from object_consumer import DeadlineError, PermanentError, StorageError, writer
from object_consumer import store as store_module
from object_consumer.budget import ByteBudget, ObjectReservation
from object_consumer.testing import BUCKET, MemoryStore, MemoryTransport, MemoryUpload
from object_consumer.transport import Body, PutHeaders


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of ten bytes."""
    monkeypatch.setattr(writer, "PART_BYTES", 10)


class FailingTransport(MemoryTransport):
    """An upload whose third part fails."""

    def start_upload(self, bucket: str, key: str, headers: PutHeaders) -> MemoryUpload:
        """Begin the upload."""

        class Failing(MemoryUpload):
            def part(self, number: int, body: Body) -> None:
                if number == 3:
                    raise StorageError("503 Slow Down")
                super().part(number, body)

        return Failing(self, bucket, key, headers)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 20, 21, 95])
@pytest.mark.parametrize("step", [1, 7, 10, 25, 200])
def test_an_object_has_every_byte_in_order(size: int, step: int) -> None:
    content = bytes(range(size))
    store = MemoryStore()

    with store.create(BUCKET, "a", content_type="text/plain", metadata={"source": "b"}) as output:
        for start in range(0, size, step):
            part = content[start : start + step]
            assert output.write(memoryview(part)) == len(part)
        assert store.keys() == []

    kept = store.stored("a")
    assert (kept.body, kept.content_type, kept.metadata) == (
        content,
        "text/plain",
        {"source": "b"},
    )
    assert (output.written.uri, output.written.size) == (f"s3://{BUCKET}/a", size)
    assert output.written.version_id == kept.version_id
    assert store.transport.incomplete == []


def test_an_object_of_one_part_is_written_by_one_request() -> None:
    store = MemoryStore()
    store.transport.start_upload = None  # type: ignore[assignment,method-assign]

    with store.create(BUCKET, "a", content_type="text/plain") as output:
        output.write(b"0123456789")
    assert store.stored("a").body == b"0123456789"


@pytest.mark.parametrize("size", [5, 50])
def test_nothing_is_written_if_the_function_fails(size: int) -> None:
    store = MemoryStore()

    def fail() -> None:
        with store.create(BUCKET, "a", content_type="text/plain") as output:
            output.write(bytes(size))
            raise RuntimeError("a bad record")

    with pytest.raises(RuntimeError, match="a bad record"):
        fail()
    assert store.keys() == []
    assert store.transport.incomplete == []


def test_a_part_that_fails_aborts_the_upload() -> None:
    store = MemoryStore(transport=FailingTransport())

    with (
        pytest.raises(StorageError, match="Slow Down"),
        store.create(BUCKET, "a", content_type="text/plain") as output,
    ):
        output.write(bytes(100))
    assert store.keys() == []
    assert store.transport.incomplete == []
    with pytest.raises(ValueError, match="not written before"):
        _ = output.written


@pytest.mark.parametrize("size", [5, 35])
def test_an_object_that_was_given_up_writes_nothing(size: int) -> None:
    reservation = ObjectReservation(ByteBudget(writer.BUFFERED_BYTES))
    store = MemoryStore(reservation=reservation)

    def write() -> None:
        with store.create(BUCKET, "a", content_type="text/plain") as output:
            output.write(bytes(size))
            reservation.abandon()

    with pytest.raises(DeadlineError):
        write()
    assert store.keys() == []
    assert store.transport.incomplete == []


def test_an_upload_holds_its_buffer_until_it_ends() -> None:
    budget = ByteBudget(writer.BUFFERED_BYTES * 2)
    store = MemoryStore(reservation=ObjectReservation(budget))

    with store.create(BUCKET, "a", content_type="text/plain") as output:
        output.write(bytes(10))
        assert budget.held == 0
        output.write(bytes(10))
        assert budget.held == writer.BUFFERED_BYTES
    assert budget.held == 0


def test_an_upload_that_does_not_begin_holds_nothing() -> None:
    budget = ByteBudget(writer.BUFFERED_BYTES)
    store = MemoryStore(reservation=ObjectReservation(budget))
    store.transport.failures[BUCKET, "a"] = StorageError("403 Access Denied")

    with (
        pytest.raises(StorageError),
        store.create(BUCKET, "a", content_type="text/plain") as output,
    ):
        output.write(bytes(20))
    assert budget.held == 0


def test_a_large_body_is_written_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_ONE_REQUEST_BYTES", 30)
    monkeypatch.setattr(store_module, "_BUFFER_BYTES", 7)
    numbers = array("H", range(18))
    content = numbers.tobytes()
    store, failing = MemoryStore(), MemoryStore(transport=FailingTransport())

    # The length of this view is not its number of bytes.
    written = store.write(BUCKET, "a", memoryview(numbers), content_type="text/plain")

    assert (written.size, store.stored("a").body) == (36, content)
    with pytest.raises(StorageError, match="503 Slow Down"):
        failing.write(BUCKET, "a", content, content_type="text/plain")
    assert failing.keys() == []
    assert failing.transport.incomplete == []
    failing.write(BUCKET, "a", content[:30], content_type="text/plain")
    assert failing.keys() == ["a"]


def test_few_parts_are_in_memory_at_once() -> None:
    waiting, release = threading.Semaphore(0), threading.Event()

    class Slow(MemoryTransport):
        def start_upload(self, bucket: str, key: str, headers: PutHeaders) -> MemoryUpload:
            class Waiting(MemoryUpload):
                def part(self, number: int, body: Body) -> None:
                    waiting.release()
                    assert release.wait(10)
                    super().part(number, body)

            return Waiting(self, bucket, key, headers)

    store = MemoryStore(transport=Slow())
    written: list[int] = []

    def write() -> None:
        with store.create(BUCKET, "a", content_type="text/plain") as output:
            for number in range(10):
                output.write(bytes(10))
                written.append(number)

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(2):
        assert waiting.acquire(timeout=10)
    assert not waiting.acquire(timeout=0.05)
    assert len(written) <= 4
    release.set()
    thread.join(10)
    assert store.stored("a").body == bytes(100)


def test_an_object_with_too_many_parts_is_a_permanent_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "MAX_PARTS", 3)
    store = MemoryStore()

    with store.create(BUCKET, "a", content_type="text/plain") as output:
        output.write(bytes(30))
    with (
        pytest.raises(PermanentError, match="has more than 30 bytes"),
        store.create(BUCKET, "b", content_type="text/plain") as output,
    ):
        output.write(bytes(31))
    assert store.keys() == ["a"]
    assert store.transport.incomplete == []


def test_headers_that_s3_would_refuse_are_a_permanent_error() -> None:
    with pytest.raises(PermanentError, match="percent-encode it"):
        MemoryStore().create(BUCKET, "a", content_type="é")
