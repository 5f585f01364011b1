"""``pipeline localstack``: the embedded LocalStack, from any folder."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import Annotated, NoReturn

import typer

from event_pipelines.localstack.environments import set_up
from event_pipelines.localstack.server import running

# The time a command has to terminate; Terraform, for instance, first finishes running operations.
COMMAND_STOP_SECONDS = 60

PR_SET_PDEATHSIG = 1
SIGNALLED = 128
NOT_FOUND = 127

app = typer.Typer(
    name="localstack",
    help="Run LocalStack on this host, without Docker; LOCALSTACK selects another instance.",
    no_args_is_help=True,
)


@app.callback()
def prepare() -> None:
    """Run LocalStack on this host, without Docker; LOCALSTACK selects another instance."""
    end_on_signals()


@app.command("setup")
def set_up_environments() -> None:
    """Install LocalStack, which the other commands do when it is missing."""
    set_up()


@app.command()
def start() -> None:
    """Run LocalStack until Ctrl-C; print the variables for other terminals."""
    with running() as instance:
        for name, value in instance.environment.items():
            print(f"export {name}={value}", flush=True)
        threading.Event().wait()


@app.command(context_settings={"ignore_unknown_options": True})
def run(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="What to run.")],
) -> None:
    """Run LocalStack while a command runs, and set the command's AWS variables for it."""
    sys.exit(_run(command))


def end_on_signals() -> None:
    """Turn termination signals into an exception, so that the clean-up runs."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _exit)


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
