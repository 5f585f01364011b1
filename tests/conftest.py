"""What the tests share: one LocalStack for all that need one."""

from collections.abc import Iterator

import pytest

from event_pipelines.localstack import Instance, running


@pytest.fixture(scope="session")
def localstack(request: pytest.FixtureRequest) -> Iterator[Instance]:
    """A LocalStack that is ready, stopped after the last test; its log is kept if one failed."""
    with running() as instance:
        yield instance
        if request.session.testsfailed:
            instance.keep_log()
