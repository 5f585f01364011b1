"""``python -m tools.localstack setup | serve | run -- COMMAND``."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import NoReturn

from tools.localstack.environments import SetUpError, set_up
from tools.localstack.server import LocalStackError, running

USAGE = """usage: python -m tools.localstack setup
       python -m tools.localstack serve              run until Ctrl-C
       python -m tools.localstack run -- COMMAND...  run while COMMAND runs"""

# The time a command has to terminate; Terraform, for instance, first finishes running operations.
COMMAND_STOP_SECONDS = 60

PR_SET_PDEATHSIG = 1
SIGNALLED = 128
NOT_FOUND = 127


def main(arguments: list[str]) -> int:
    """Run one of the commands; see `USAGE`."""
    # Turn a termination signal into an exception, so that the clean-up runs.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _exit)
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
        return SIGNALLED + signal.SIGINT
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
        # A profile or a service-specific endpoint would select another target.
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment = {**own, **instance.environment, "LOCALSTACK": instance.endpoint_url}
        try:
            process = subprocess.Popen(command, env=environment, preexec_fn=_end_with_parent)  # noqa: PLW1509 (no threads here)
        except OSError as error:
            print(f"localstack: {command[0]} can't be run: {error.strerror}", file=sys.stderr)
            return NOT_FOUND
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # The terminal has sent the signal to the command too.
            _wait_for_end(process)
            raise
        except SystemExit:
            process.terminate()
            _wait_for_end(process)
            raise
        if code:
            instance.keep_log()
        return code if code >= 0 else SIGNALLED - code


def _wait_for_end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(COMMAND_STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()


def _end_with_parent() -> None:
    """Ask the kernel to terminate the command when this process is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(SIGNALLED + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
