"""What the tests share: one LocalStack for all that need one."""

from collections.abc import Iterator

import pytest

from tests.localstack import Instance, running


@pytest.fixture(scope="session")
def localstack() -> Iterator[Instance]:
    """A LocalStack that is ready, stopped after the last test."""
    with running() as instance:
        yield instance
