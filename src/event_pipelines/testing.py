"""A pytest fixture with the applied configuration of a repository, in LocalStack.

    def test_a_file_is_processed(applied_pipeline: AppliedPipeline) -> None:
        applied_pipeline.upload("incoming/a.json", b"[1]")
        assert applied_pipeline.outcome("process", "incoming/a.json").status == "done"

The fixture packages ``functions/``, applies the configuration of pytest's root folder once for all
tests, and destroys it afterwards. It is installed with the command ``pipeline``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from event_pipelines.development.trial.uploads import Outcome, TrackedUploads
    from event_pipelines.operations.aws import Aws
    from event_pipelines.operations.discovery import Pipeline

WAIT_SECONDS = 60


class AppliedPipeline:
    """A pipeline in LocalStack.

    Attributes
    ----------
    pipeline
        Its bucket, its consumers and their queues.
    aws
        Clients of LocalStack.
    """

    def __init__(self, pipeline: Pipeline, aws: Aws, uploads: TrackedUploads) -> None:
        self.pipeline = pipeline
        self.aws = aws
        self._uploads = uploads

    def upload(self, key: str, body: bytes) -> None:
        """Upload a file to the pipeline's bucket."""
        self._uploads.upload(key, body)

    def read(self, key: str) -> bytes:
        """Read a file of the pipeline's bucket; raises botocore's ClientError if there is none."""
        answer = self.aws.s3.get_object(Bucket=self.pipeline.bucket, Key=key)
        return answer["Body"].read()

    def outcome(self, consumer: str, key: str, *, wait: float = WAIT_SECONDS) -> Outcome:
        """Wait for the outcome of an uploaded file at a consumer.

        Parameters
        ----------
        wait
            Seconds.

        Raises
        ------
        AssertionError
            There is none in time, or the consumer doesn't want the file.
        """
        file = key.rpartition("/")[2]
        deadline = time.monotonic() + wait
        while True:
            outcomes = self._uploads.outcomes(key)
            found = [one for one in outcomes if one.consumer == consumer]
            if found and not found[0].is_pending:
                return found[0]
            if not found:
                raise AssertionError(f"{consumer} does not want {key}: {outcomes}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{consumer} has no outcome of {file} after {wait:.0f} s")
            time.sleep(0.1)


@pytest.fixture(scope="session")
def applied_pipeline(pytestconfig: pytest.Config) -> Iterator[AppliedPipeline]:
    """Apply the configuration of pytest's root folder in LocalStack, once for all tests."""
    # Imported here: pytest imports this module in every run.
    from rich.console import Console  # noqa: PLC0415

    from event_pipelines.development.trial import stack  # noqa: PLC0415
    from event_pipelines.development.trial.uploads import TrackedUploads  # noqa: PLC0415

    root = pytestconfig.rootpath
    console = Console(stderr=True, width=120)
    with stack.in_localstack(root, root / "functions", console) as (_, pipeline, aws):
        yield AppliedPipeline(pipeline, aws, TrackedUploads(pipeline, aws))
