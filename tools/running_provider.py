"""Keep an AWS provider running for many Terraform commands, as a debugger does.

Terraform starts the provider anew for every walk of a command - each run of ``terraform test``,
four times for an apply - and each command reads all its 700 MB to compare them with the lock file.
With mocks that is nearly all that a test costs. One that runs already is only talked to:
https://developer.hashicorp.com/terraform/plugin/debugging
"""

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 60
STOP_SECONDS = 10
_INSTALLED = "providers/*/hashicorp/aws/*/*/terraform-provider-aws*"
_ADDRESS = re.compile(r"TF_REATTACH_PROVIDERS='([^']+)'")
# The heap may grow to five times what is in use, not twice: collecting it is a quarter of the work.
# https://pkg.go.dev/runtime#hdr-Environment_Variables
SELDOM_COLLECTED = {"GOGC": "400"}
# With certificates of one's own, the provider can be configured only once in its life.
_UNSET = {"AWS_CA_BUNDLE": ""}


class ProviderError(Exception):
    """The provider doesn't run; the message says what it printed."""


@contextmanager
def running_provider(
    data: Path, environment: Mapping[str, str] | None = None
) -> Iterator[dict[str, str]]:
    """Run the AWS provider that a configuration has installed, until the end of the block.

    What one command configures - credentials, region, endpoint - is what the next one finds, so
    commands that are to reach anything outside take turns. Nothing is configured where the provider
    is mocked: those may run side by side.

    Parameters
    ----------
    data
        The configuration's data folder, ``.terraform`` if nothing else was said, after its init.
    environment
        What the provider finds beside this process's environment.

    Yields
    ------
    dict of str to str
        The environment variables with which Terraform talks to this provider.

    Raises
    ------
    ProviderError
        There is none, or it doesn't start.
    """
    program = _installed(data)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [program, "-debug"],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, **_UNSET, **SELDOM_COLLECTED, **(environment or {})},
        )
        try:
            # The path begins with the name of the registry that Terraform, or OpenTofu, asked.
            address = "/".join(program.relative_to(data / "providers").parts[:3])
            reattach = {address: _wait_for_address(process, said.fileno())}
            yield {"TF_REATTACH_PROVIDERS": json.dumps(reattach), **SELDOM_COLLECTED}
        finally:
            _stop(process)


def _installed(data: Path) -> Path:
    programs = sorted(data.glob(_INSTALLED))
    if not programs:
        raise ProviderError(f"no AWS provider is installed in {data}: run terraform init first")
    return programs[-1]


def _wait_for_address(process: subprocess.Popen[bytes], said: int) -> Any:
    """Read where the provider listens from what it prints."""
    began = time.monotonic()
    while True:
        ended = process.poll() is not None
        text = os.pread(said, os.fstat(said).st_size, 0).decode(errors="replace")
        if found := _ADDRESS.search(text):
            return next(iter(json.loads(found[1]).values()))
        if ended:
            raise ProviderError(f"the AWS provider ended with code {process.returncode}: {text}")
        if time.monotonic() - began > START_SECONDS:
            raise ProviderError(f"the AWS provider isn't ready after {START_SECONDS} s: {text}")
        time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
