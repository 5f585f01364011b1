"""Files larger than the memory, and longer than an invocation: read twice, and written in order."""

import gzip
import json
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load_records import loading
from load_records import table as table_module
from load_records.keys import Key
from load_records.loading import Loader
from load_records.table import Answer, Table
from object_consumer import Continue, DeadlineError, PermanentError, RetryableError
from object_consumer.budget import ByteBudget, ObjectReservation
from object_consumer.memory import Allowance, Workspace
from object_consumer.testing import MemoryStore
from record_formats import Batch, Position, read_batches, text
from tests.unit.counting import peak_bytes

ID = Key("id", "S", "partition")
MEBIBYTE = 1024 * 1024


class MemoryTable:
    """Takes items, and remembers them in the order in which their requests ended."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.before: Callable[[list[str]], None] = lambda _keys: None

    def __call__(self, body: bytes) -> Answer:
        items = [put["PutRequest"]["Item"] for put in json.loads(body)["RequestItems"]["orders"]]
        self.before([item["id"]["S"] for item in items])
        self.items += items
        return Answer(200, b"{}")

    @property
    def values(self) -> dict[str, str]:
        """What the table has in the end."""
        return {item["id"]["S"]: item["n"]["S"] for item in self.items}


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a few records, windows of at least ten; and no file is small."""
    monkeypatch.setattr(text, "PART", 16)
    monkeypatch.setattr(loading, "WINDOW_RECORDS", 10)
    monkeypatch.setattr(loading, "_SIZE_SHARE", 1 << 40)


def loader(table: MemoryTable, memory: int = 16 * MEBIBYTE) -> Loader:
    return Loader(Table("orders", table), [ID], Workspace(memory, memory))


def load(
    made: Loader, content: bytes, kind: str = "csv", *, cursor: Any = None, **options: Any
) -> Any:
    store = MemoryStore(cursor=cursor, **options)
    event = store.upload("file", content)

    def read(start: Position, is_checked: bool, allowance: Allowance) -> Iterator[Batch]:
        yield from read_batches(
            lambda: store.open(event), kind, None, allowance, start=start, checked=is_checked
        )

    return made.load(read, len(content), store)


def table_of(rows: int) -> bytes:
    return b"id,n\n" + b"".join(b"%d,n%d\n" % (number, number) for number in range(rows))


def expected(rows: int) -> dict[str, str]:
    return {str(number): f"n{number}" for number in range(rows)}


class Clock:
    """The time left in an invocation: a second less each time the function's thread asks for it.

    In the end, requests are still sent, but no further part of the file is begun.
    """

    def __init__(self, seconds: int) -> None:
        self.left: float = seconds
        self.least = 0.15 * (seconds - 1)

    def __call__(self) -> float:
        if threading.current_thread() is threading.main_thread():
            self.left = max(self.left - 1, self.least)
        return self.left


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("csv", table_of(95)),
        ("jsonl", b"".join(b'{"id":"%d","n":"n%d"}\n' % (n, n) for n in range(95))),
        ("json", json.dumps([{"id": str(n), "n": f"n{n}"} for n in range(95)]).encode()),
    ],
)
def test_a_large_file_is_loaded_as_a_small_one_is(
    kind: str, content: bytes, compress: Callable[[bytes], bytes]
) -> None:
    table = MemoryTable()

    fields = load(loader(table), compress(content), kind)

    assert table.values == expected(95)
    assert len(table.items) == 95
    assert (fields["items"], fields["replaced"]) == (95, 0)


def test_a_small_file_is_read_once_unless_its_items_are_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "_SIZE_SHARE", 6)
    table, passes = MemoryTable(), []

    def read(start: Position, is_checked: bool, allowance: Allowance) -> Iterator[Batch]:
        passes.append(is_checked)
        yield from read_batches(
            lambda: store.open(event), "csv", None, allowance, start=start, checked=is_checked
        )

    store = MemoryStore()
    event = store.upload("file", table_of(95))
    for memory, wanted in ((16 * MEBIBYTE, [False]), (20_000, [False, False, True])):
        passes.clear()
        loader(table, memory).load(read, event.size or 0, store)
        assert passes == wanted
        assert table.values == expected(95)


def test_a_bad_record_at_the_end_writes_nothing() -> None:
    table = MemoryTable()

    with pytest.raises(PermanentError, match=r"record 96, \$\.id: empty"):
        load(loader(table), table_of(95) + b",x\n")
    assert table.items == []


def test_the_later_of_two_records_with_a_key_is_written_later() -> None:
    table = MemoryTable()
    rows = b"id,n\n" + b"".join(b"%d,n%d\n" % (n % 7, n) for n in range(200))
    delayed = threading.Event()

    def before(_keys: list[str]) -> None:
        # The first request takes longest.
        if not delayed.is_set():
            delayed.set()
            threading.Event().wait(0.05)

    table.before = before
    fields = load(loader(table), rows)

    assert table.values == {str(n % 7): f"n{n}" for n in range(193, 200)}
    assert fields["items"] + fields["replaced"] == 200


def test_a_file_goes_on_in_as_many_invocations_as_it_takes() -> None:
    table = MemoryTable()
    made = loader(table)
    cursor: Any = None
    said: list[str] = []
    while True:
        result = load(made, table_of(95), cursor=cursor, seconds_left=Clock(6))
        if not isinstance(result, Continue):
            break
        cursor = result.cursor
        said.append(str(result.progress))

    assert table.values == expected(95)
    assert len(table.items) == 95
    assert result == {"items": 95, "replaced": 0, "table": "orders", "write_requests": 10}
    assert [re.sub(r"\d+", "N", line) for line in said] == [
        "checked N records, wrote none yet",
        "checked N records, wrote none yet",
        "wrote N of N records",
    ]


class SlowTable(MemoryTable):
    """A table whose requests take seconds of an invocation of ten."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.left = 10.0
        self.before = lambda _keys: self.spend(seconds)

    def spend(self, seconds: float) -> None:
        self.left -= seconds

    def load_all(self, content: bytes) -> tuple[Any, list[Continue]]:
        """Load a file in as many invocations as it takes."""
        with pytest.MonkeyPatch.context() as patch:
            # One request after the other, so that the time of each counts.
            patch.setattr(table_module, "IN_FLIGHT", 1)
            made, said = loader(self), list[Continue]()
        while True:
            self.left = 10.0
            cursor = said[-1].cursor if said else None
            result = load(made, content, cursor=cursor, seconds_left=lambda: self.left)
            if not isinstance(result, Continue):
                return result, said
            # Otherwise the runtime would count it as a failure.
            assert result.cursor != cursor
            said.append(result)


def test_a_small_file_goes_on_if_the_table_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_SIZE_SHARE", 6)
    table = SlowTable(seconds=1)

    fields, said = table.load_all(table_of(1000) + b"7,again\n")

    assert table.values == expected(1000) | {"7": "again"}
    assert (fields["items"], fields["replaced"]) == (1000, 1)
    assert len(said) >= 2
    for one in said:
        assert re.fullmatch(r"wrote [1-9]\d* of 1,000 items", str(one.progress))


def test_a_small_file_whose_key_was_changed_in_between_is_written_from_the_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "_SIZE_SHARE", 6)
    table = MemoryTable()

    load(loader(table), table_of(95), cursor={"phase": "kept", "items": 7, "records": 10})

    assert table.values == expected(95)


def test_a_part_that_takes_longer_than_an_invocation_is_made_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "WINDOW_RECORDS", 1000)
    table = SlowTable(seconds=1)

    fields, said = table.load_all(table_of(1000))

    assert table.values == expected(1000)
    assert fields["items"] == 1000
    assert any(one.cursor["window"] for one in said)


@pytest.mark.parametrize("share", [6, 1 << 40])
def test_a_table_that_accepts_nothing_is_no_progress(
    share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_SIZE_SHARE", share)
    left, cursors = [10.0], list[Any]()

    def throttle(_body: bytes) -> Answer:
        left[0] -= 5
        return Answer(400, b'{"__type":"ThrottlingException"}')

    for _ in range(4):
        left[0] = 10
        cursor = cursors[-1] if cursors else None
        made = Loader(Table("orders", throttle), [ID], Workspace(16 * MEBIBYTE, 16 * MEBIBYTE))
        cursors.append(load(made, table_of(95), cursor=cursor, seconds_left=lambda: left[0]).cursor)

    assert cursors[-1] == cursors[-2]


def test_without_another_invocation_it_works_until_the_end() -> None:
    table = MemoryTable()

    fields = load(loader(table), table_of(95), continues=False, seconds_left=Clock(3))

    assert fields["items"] == 95


def test_a_bad_record_that_a_later_invocation_finds_writes_nothing() -> None:
    table = MemoryTable()
    made, content = loader(table), table_of(95) + b",x\n"

    first = load(made, content, seconds_left=Clock(9))
    with pytest.raises(PermanentError, match="record 96"):
        load(made, content, cursor=first.cursor)
    assert table.items == []


@pytest.mark.parametrize("cursor", ["unknown", {"phase": "paused"}, {"position": [1, 2]}, 5])
def test_a_cursor_of_another_version_of_the_function_begins_anew(cursor: Any) -> None:
    table = MemoryTable()

    assert load(loader(table), table_of(25), cursor=cursor)["items"] == 25
    assert table.values == expected(25)


@given(
    rows=st.integers(1, 60),
    repeats=st.integers(1, 60),
    steps=st.lists(st.tuples(st.integers(2, 9), st.integers(0, 9)), max_size=8),
)
def test_whatever_crashes_and_stops_the_table_has_the_last_record_of_each_key(
    rows: int, repeats: int, steps: list[tuple[int, int]]
) -> None:
    content = b"id,n\n" + b"".join(b"%d,n%d\n" % (n % repeats, n) for n in range(rows))
    table = MemoryTable()
    cursor: Any = None

    for seconds, fails_after in steps:
        left = iter(range(fails_after))

        def crash(_keys: list[str], left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise RetryableError("the process was killed")

        table.before = crash
        try:
            result = load(loader(table), content, cursor=cursor, seconds_left=Clock(seconds))
        except RetryableError:
            continue
        if not isinstance(result, Continue):
            break
        cursor = result.cursor
    else:
        table.before = lambda _keys: None
        result = load(loader(table), content, cursor=cursor)

    assert table.values == {str(n % repeats): f"n{n}" for n in range(rows)}
    assert result["items"] + result["replaced"] == rows


def test_no_request_is_in_flight_when_the_function_has_failed() -> None:
    table, reservation = MemoryTable(), ObjectReservation(ByteBudget(1))
    running = [0]

    def before(_keys: list[str]) -> None:
        running[0] += 1
        reservation.abandon()
        threading.Event().wait(0.05)
        running[0] -= 1

    table.before = before
    with pytest.raises(DeadlineError):
        load(loader(table), table_of(95), reservation=reservation)
    assert running == [0]


def test_the_memory_does_not_depend_on_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(MemoryTable):
        def __call__(self, _body: bytes) -> Answer:
            return Answer(200, b"{}")

    monkeypatch.setattr(text, "PART", 4096)
    monkeypatch.setattr(loading, "WINDOW_RECORDS", 200)
    made = loader(Forgetful())
    small, large = table_of(1_000), table_of(8_000)
    load(made, small)

    peaks = [peak_bytes(partial(load, made, content)) for content in (small, large)]
    # The store has the file itself in memory, and copies it.
    assert peaks[1] - 2 * len(large) < peaks[0] + 200_000


def test_a_small_file_does_not_wait_for_the_end_of_a_large_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "_SIZE_SHARE", 16 * MEBIBYTE // 500)
    table = MemoryTable()
    made, is_writing, go_on = loader(table), threading.Event(), threading.Event()

    def before(keys: list[str]) -> None:
        if "small" not in keys:
            is_writing.set()
            assert go_on.wait(10)

    table.before = before
    large = threading.Thread(target=load, args=(made, table_of(95)))
    large.start()
    assert is_writing.wait(10)
    load(made, b"id,n\nsmall,x\n")
    assert table.values == {"small": "x"}
    go_on.set()
    large.join(10)
    assert table.values == expected(95) | {"small": "x"}
