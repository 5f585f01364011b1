"""Start a function's process: what Lambda's own bootstrap does, on the host.

Run as ``python -I bootstrap.py <paths...> <handler>``: isolated from the host's Python settings,
with only the function's code, its layers, and the interpreter's own packages (awslambdaric and
boto3, as in Lambda's runtime) to import from.
"""

import os
import sys
import threading

*paths, handler = sys.argv[1:]
sys.path[:0] = paths


def _end_with_localstack() -> None:
    """Exit when LocalStack does: it holds the other end of standard input, whatever ends it."""
    while os.read(0, 1):
        pass
    os._exit(0)


threading.Thread(target=_end_with_localstack, daemon=True).start()

from awslambdaric.__main__ import main  # noqa: E402 (from where a function would import it)

main(["bootstrap", handler])
