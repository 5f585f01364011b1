"""Run LocalStack for as long as whoever started it lives, and leave nothing behind.

The starter keeps the other end of standard input open. When that closes, because the starter is
done or because it was killed, LocalStack ends with its functions and its folder is removed.
"""

import os
import shutil
import sys
import threading
import time
from pathlib import Path

from localstack.runtime.main import main

from host_lambda.process import kill_all

_TRIES = 50


def _end_with_starter(folder: str) -> None:
    while os.read(0, 1):
        pass
    # A function that starts meanwhile ends by itself: it watches this process as this its starter.
    kill_all()
    # LocalStack's other threads may still write into it.
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not Path(folder).exists():
            break
        time.sleep(0.1)
    os._exit(0)


threading.Thread(target=_end_with_starter, args=(sys.argv[1],), daemon=True).start()
main()
