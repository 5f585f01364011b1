"""Keep one AWS provider process running for many Terraform commands, as for debugging.

Otherwise Terraform starts the provider again for every graph walk (each run of ``terraform test``,
four times for an apply), and each command reads its 700 MB to compare them with the lock file.
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
# Of the output of a provider that crashed: the reason, and the goroutine it comes from.
_SHOWN_BYTES = 8000
_INSTALLED = "providers/*/hashicorp/aws/*/*/terraform-provider-aws*"
_ADDRESS = re.compile(r"TF_REATTACH_PROVIDERS='([^']+)'")
# Let the heap grow to five times the live memory instead of twice: collection takes a quarter of
# the CPU time.
# https://pkg.go.dev/runtime#hdr-Environment_Variables
SELDOM_COLLECTED = {"GOGC": "400"}
# With a CA bundle, the provider process can be configured only once, so none is used. Without a
# level, a provider that runs for debugging logs each request, which would hide why it crashed.
_SETTINGS = {"AWS_CA_BUNDLE": "", "TF_LOG": "OFF", "TF_LOG_PROVIDER": "OFF", "TF_LOG_SDK": "OFF"}


class ProviderError(Exception):
    """The provider doesn't run; the message contains its output."""


@contextmanager
def running_provider(
    data: Path, environment: Mapping[str, str] | None = None
) -> Iterator[dict[str, str]]:
    """Run the AWS provider that a configuration has installed, inside a ``with`` block.

    The configuration of a command (credentials, region, endpoint) applies to the whole process, so
    commands that send requests must run one after the other. Commands with a mocked provider
    configure nothing and may run in parallel.

    Parameters
    ----------
    data
        The configuration's data folder after its init, ``.terraform`` by default.
    environment
        Environment variables for the provider, in addition to those of this process.

    Yields
    ------
    dict of str to str
        The environment variables that make Terraform use this provider.

    Raises
    ------
    ProviderError
        No provider is installed, it doesn't start, or it ended before the ``with`` block did.
    """
    program = _installed(data)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [program, "-debug"],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, **_SETTINGS, **SELDOM_COLLECTED, **(environment or {})},
        )
        try:
            # The path begins with the registry of Terraform or OpenTofu.
            address = "/".join(program.relative_to(data / "providers").parts[:3])
            reattach = {address: _wait_for_address(process, said.fileno())}
            yield {"TF_REATTACH_PROVIDERS": json.dumps(reattach), **SELDOM_COLLECTED}
        finally:
            code = process.poll()
            _stop(process)
            if code is not None:
                text = os.pread(said.fileno(), _SHOWN_BYTES, 0).decode(errors="replace")
                raise ProviderError(f"the AWS provider ended with code {code}: {text}")


def _installed(data: Path) -> Path:
    programs = sorted(data.glob(_INSTALLED))
    if not programs:
        raise ProviderError(f"no AWS provider is installed in {data}: run terraform init first")
    return programs[-1]


def _wait_for_address(process: subprocess.Popen[bytes], said: int) -> Any:
    """Read the provider's address from its output."""
    began = time.monotonic()
    while True:
        ended = process.poll() is not None
        text = os.pread(said, os.fstat(said).st_size, 0).decode(errors="replace")
        if found := _ADDRESS.search(text):
            return next(iter(json.loads(found[1]).values()))
        if ended:
            raise ProviderError("the AWS provider doesn't start")
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
