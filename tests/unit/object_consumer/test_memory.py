"""The workspace: one file at a time, none waits for what was given up, and how large it is."""

import threading
from collections.abc import Callable

import pytest

from object_consumer import DeadlineError, PermanentError
from object_consumer.memory import Allowance, MemoryLimitError, Workspace, workspace

MEBIBYTE = 1024 * 1024


def gives_up_after(questions: int) -> Callable[[], None]:
    left = iter(range(questions))

    def check() -> None:
        if next(left, None) is None:
            raise DeadlineError("the invocation is over")

    return check


def never() -> None:
    """There is time."""


@pytest.mark.parametrize(
    ("megabytes", "limit"), [("128", 16), ("256", 96), ("512", 288), ("1024", 672)]
)
def test_the_limit_follows_from_the_functions_memory(
    monkeypatch: pytest.MonkeyPatch, megabytes: str, limit: int
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", megabytes)

    assert workspace().limit == limit * MEBIBYTE


def test_what_is_more_than_is_left_is_a_permanent_error() -> None:
    allowance = Allowance(100)
    allowance.hold(60, "the file")

    with pytest.raises(MemoryLimitError, match=r"^line 3: takes 41 bytes .* 40 of 100 are left"):
        allowance.need(41, "line 3")
    allowance.need(40, "line 3")
    assert issubclass(MemoryLimitError, PermanentError)


def test_a_file_that_waits_gives_up_when_its_invocation_does() -> None:
    space = Workspace(100, 10)

    with (
        space.turn(never),
        pytest.raises(DeadlineError),
        space.turn(gives_up_after(2)),
    ):
        pytest.fail("both worked at once")

    with space.turn(never):
        pass


def test_the_next_file_begins_when_one_is_only_kept() -> None:
    space = Workspace(100, 10)

    with space.turn(never) as turn:
        turn.keep(10)
        with space.turn(never):
            pass


def test_no_file_begins_while_too_much_is_kept() -> None:
    space = Workspace(100, 10)

    with space.turn(never) as turn:
        turn.keep(11)
        with pytest.raises(DeadlineError), space.turn(gives_up_after(2)):
            pytest.fail("both were in memory")
    with space.turn(never):
        pass


@pytest.mark.parametrize("keeps", [True, False])
def test_an_error_ends_a_turn(keeps: bool) -> None:
    space = Workspace(100, 10)

    def work() -> None:
        with space.turn(never) as turn:
            if keeps:
                turn.keep(50)
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        work()
    with space.turn(never):
        pass


def test_one_file_is_worked_on_at_a_time() -> None:
    space, at_work, most = Workspace(100, 10), 0, 0
    begin = threading.Barrier(4)

    def work() -> None:
        nonlocal at_work, most
        begin.wait()
        for _ in range(20):
            with space.turn(never):
                at_work += 1
                most = max(most, at_work)
                at_work -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 1
