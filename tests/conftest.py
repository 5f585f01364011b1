"""What the tests share: one LocalStack for all that need one."""

import gc
from collections.abc import Iterator

import pytest

from event_pipelines.localstack import Instance, running

# Imported modules and collected tests live as long as the run. To search them for garbage after
# every 2,000 objects takes a tenth of the CPU time of the unit tests.
gc.set_threshold(100_000, 10, 10)


@pytest.fixture(scope="session")
def localstack(request: pytest.FixtureRequest) -> Iterator[Instance]:
    """A LocalStack that is ready, stopped after the last test; its log is kept if one failed."""
    with running() as instance:
        yield instance
        if request.session.testsfailed:
            instance.keep_log()
