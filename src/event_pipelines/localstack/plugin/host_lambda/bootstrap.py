"""Start a function's process on the host, as Lambda's own bootstrap does.

Run as ``python -I bootstrap.py <paths...> <handler>``: isolated from the host's Python settings,
with only the function's code, its layers, and the interpreter's own packages (awslambdaric and
boto3, as in Lambda's runtime) to import from.
"""

import os
import signal
import sys
import threading

*paths, handler = sys.argv[1:]
sys.path[:0] = paths

# LocalStack has the other end of standard input; for the function it is empty, as on Lambda.
lifeline = os.dup(0)
with open(os.devnull, "rb") as nothing:  # noqa: PTH123 (pathlib would be imported for this alone)
    os.dup2(nothing.fileno(), 0)


def _end_with_localstack() -> None:
    """Exit when LocalStack exits for any reason, with all processes that the function started."""
    while os.read(lifeline, 1):
        pass
    os.killpg(0, signal.SIGKILL)


threading.Thread(target=_end_with_localstack, daemon=True).start()

from awslambdaric.__main__ import main  # noqa: E402 (from where a function would import it)

main(["bootstrap", handler])
