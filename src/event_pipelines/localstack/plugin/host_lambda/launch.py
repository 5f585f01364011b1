"""Run LocalStack until its parent process ends, and clean up.

The parent keeps the other end of standard input open. When it closes, because the parent has
finished or was killed, LocalStack and its functions end and its folder is removed.
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
    # A function that starts now ends too: it watches this process in the same way.
    kill_all()
    # LocalStack's other threads may still write to the folder.
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not Path(folder).exists():
            break
        time.sleep(0.1)
    os._exit(0)


threading.Thread(target=_end_with_starter, args=(sys.argv[1],), daemon=True).start()
main()
