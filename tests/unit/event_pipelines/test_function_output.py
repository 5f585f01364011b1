"""The output of functions in LocalStack: collected to the last byte."""

import os
import resource
from collections.abc import Iterator

import pytest

from host_lambda.output import Output

_MANY = 1_100


@pytest.fixture
def many_open_files() -> Iterator[None]:
    """So many that the next one has a file descriptor that select doesn't take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * _MANY), hard))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(_MANY)]
    yield
    for file in files:
        os.close(file)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_open_files")
def test_output_is_collected_however_many_files_are_open() -> None:
    output = Output()
    pipe = output.open()
    assert pipe > 1_024

    os.write(pipe, b"a line\n")
    output.drain()
    assert output.take() == "a line\n"
    os.write(pipe, b"another\n")
    os.close(pipe)
    output.drain()
    assert output.take() == "another\n"
