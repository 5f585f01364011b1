"""The process of DuckDB: what goes wrong in it is an error of one file, and of no other."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from object_consumer import DeadlineError
from query_objects.job import Answer, Check
from query_objects.process import CrashError, QueryProcess

CHECK = Check(variable="QUERY", sql="SELECT 1", column_types={})


@pytest.fixture
def process() -> Iterator[QueryProcess]:
    started = QueryProcess(most_memory=2**40)
    yield started
    started.end()


def pid(process: QueryProcess) -> int:
    assert process._process is not None
    return process._process.pid


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGSEGV, "ended with signal SIGSEGV"),
        (signal.SIGKILL, "raise memory_size, or split the file"),
    ],
)
def test_a_crash_is_an_error_of_the_file_and_the_next_one_has_a_new_process(
    process: QueryProcess, number: signal.Signals, reason: str
) -> None:
    assert process.ask(CHECK, lambda: None) == Answer()
    first = pid(process)
    os.kill(first, signal.SIGSTOP)

    def crash() -> None:
        os.kill(first, number)
        os.kill(first, signal.SIGCONT)

    with pytest.raises(CrashError, match=reason):
        process.ask(CHECK, crash)

    assert process.ask(CHECK, lambda: None) == Answer()
    assert pid(process) != first


def test_an_error_of_its_own_ends_it(process: QueryProcess) -> None:
    class Unknown(Check, tag="Unknown"):
        """No request that it knows."""

    with pytest.raises(CrashError, match="ended with exit code 1"):
        process.ask(Unknown(variable="", sql="", column_types={}), lambda: None)


def test_a_process_that_hangs_is_ended_at_the_deadline(process: QueryProcess) -> None:
    process.ask(CHECK, lambda: None)
    first = pid(process)
    os.kill(first, signal.SIGSTOP)

    def given_up() -> None:
        raise DeadlineError("given up")

    with pytest.raises(DeadlineError):
        process.ask(CHECK, given_up)

    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_a_process_that_grows_is_ended_before_lambda_ends_the_function() -> None:
    process = QueryProcess(most_memory=1024)
    with pytest.raises(
        CrashError, match=r"needs \d+ MiB of memory, more than is left .*: raise memory"
    ):
        process.ask(CHECK, lambda: None)


def test_it_has_no_credentials(process: QueryProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    process.ask(CHECK, lambda: None)

    assert b"AWS_" not in Path(f"/proc/{pid(process)}/environ").read_bytes()


def test_it_ends_with_the_function_also_while_it_is_busy(process: QueryProcess) -> None:
    process.ask(CHECK, lambda: None)
    started = process._process
    assert started is not None
    assert started.stdin is not None
    started.stdin.close()

    assert started.wait(10) == 0


def test_a_job_may_be_larger_than_the_pipe(process: QueryProcess) -> None:
    types = {f"column {number}": "VARCHAR" for number in range(20_000)}
    large = Check(variable="QUERY", sql="SELECT 1", column_types=types)

    assert process.ask(large, lambda: None) == Answer()
