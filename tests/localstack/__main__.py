"""``python -m tests.localstack setup | serve | run -- COMMAND``."""

import os
import signal
import subprocess
import sys
import threading

from tests.localstack.environments import SetUpError, set_up
from tests.localstack.server import LocalStackError, running

USAGE = """usage: python -m tests.localstack setup
       python -m tests.localstack serve              until Ctrl-C
       python -m tests.localstack run -- COMMAND...  for as long as COMMAND runs"""


def main(arguments: list[str]) -> int:
    """Carry out one of the commands; see `USAGE`."""
    # A termination runs the clean-up that an interrupt does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        match arguments:
            case ["setup"]:
                set_up()
                return 0
            case ["serve"]:
                return _serve()
            case ["run", "--", *command] if command:
                return _run(command)
    except (SetUpError, LocalStackError) as error:
        print(f"localstack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(USAGE, file=sys.stderr)
    return 2


def _serve() -> int:
    with running() as instance:
        for name, value in instance.environment.items():
            print(f"export {name}={value}", flush=True)
        threading.Event().wait()
    return 0


def _run(command: list[str]) -> int:
    with running() as instance:
        environment = {**os.environ, **instance.environment, "LOCALSTACK": instance.endpoint_url}
        return subprocess.run(command, check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
