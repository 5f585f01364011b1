"""Run LocalStack for as long as whoever started it lives, and leave nothing behind.

The starter keeps the other end of standard input open. When that closes, because the starter is
done or because it was killed, LocalStack ends with its functions and its folder is removed.
"""

import os
import shutil
import sys
import threading

from localstack.runtime.main import main


def _end_with_starter(folder: str) -> None:
    while os.read(0, 1):
        pass
    # Functions end by themselves: they watch this process as it watches its starter.
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


threading.Thread(target=_end_with_starter, args=(sys.argv[1],), daemon=True).start()
main()
