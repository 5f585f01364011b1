"""The process that runs DuckDB: ``python -m query_objects.worker``.

It reads jobs as lines from its standard input and writes an answer to each to its standard output.
A process of its own contains what may be wrong with a file: the handler ends it at the deadline,
a crash of DuckDB's native code is an error of one file, and the process has neither the function's
credentials nor more memory than its share.
"""

from __future__ import annotations

import os
import queue
import resource
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Never

import msgspec

from query_objects import query
from query_objects.job import Answer, Check, Job

if TYPE_CHECKING:
    from types import TracebackType


def main() -> Never:
    """Answer jobs until the standard input ends."""
    sys.excepthook = _end
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    # What DuckDB or a library prints must not be taken for an answer.
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    decoder = msgspec.json.Decoder(Check | Job)
    while True:
        job = decoder.decode(jobs.get())
        answers.write(msgspec.json.encode(_answer(job)) + b"\n")


def _end(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
    """End at once: Python would wait for the standard input, which a thread is reading."""
    traceback.print_exception(error)
    os._exit(1)


def _read(jobs: queue.SimpleQueue[bytes]) -> None:
    """Pass on the jobs; end the process with its parent's, also in the middle of a query."""
    for line in sys.stdin.buffer:
        jobs.put(line)
    os._exit(0)


def _answer(job: Check | Job) -> Answer:
    try:
        if isinstance(job, Check):
            query.check(job)
            return Answer()
        return Answer(rows=query.run(job))
    except query.QueryError as error:
        return Answer(error=str(error))


if __name__ == "__main__":
    main()
