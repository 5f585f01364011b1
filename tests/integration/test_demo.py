"""`make demo` shows what became of each sample, and cleans up after itself."""

import subprocess

import pytest

from tests.integration.conftest import Stacks
from tests.integration.pipeline import Clients

pytestmark = [pytest.mark.integration, pytest.mark.applies("demo")]


def test_the_demonstration_shows_every_sample_and_leaves_nothing(
    stacks: Stacks, demonstration: subprocess.Popen[str], clients: Clients
) -> None:
    output, _ = demonstration.communicate(timeout=300)

    assert demonstration.returncode == 0, output
    for sample in ("orders.json", "prices.csv", "events.jsonl", "日本.json"):
        assert sample in output
    assert "broken.json was set aside by transform" in output
    assert "line 3, column 31" in output
    assert "$ pipeline --name demo status" in output
    assert "transform: 1 message was set aside: pipeline failures transform" in output
    assert "transform: set aside: RecordFormatError: line 3, column 31" in output
    assert "transform: done: s3://demo-files/processed/incoming/events.jsonl.json" in output
    assert "demo-files" not in {bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]}
    assert not clients.sqs.list_queues(QueueNamePrefix="demo-").get("QueueUrls")
