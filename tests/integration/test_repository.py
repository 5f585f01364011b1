"""From nothing to one's own function and one's own file, in one's own repository."""

import os
import zipfile

import pytest

from tests.integration.pipeline import Clients
from tests.integration.repository import NAME, Repository
from tests.integration.stacks import Stacks

pytestmark = [
    pytest.mark.integration,
    pytest.mark.applies("repository"),
    pytest.mark.skipif(
        os.environ.get("LOCALSTACK", "embedded") == "docker", reason="it needs host packages"
    ),
]


def test_a_new_repository_tests_packages_applies_and_shows_its_files(
    stacks: Stacks, repository: Repository, clients: Clients
) -> None:
    output = repository.output()

    assert "2 passed" in output
    assert "broken.json was dead-lettered by process" in output
    assert "is not JSON" in output
    assert f"$ pipeline --name {NAME} status" in output
    assert f"process: done: s3://{NAME}-files/processed/incoming/order.json" in output
    assert not clients.sqs.list_queues(QueueNamePrefix=f"{NAME}-").get("QueueUrls")
    assert f"{NAME}-files" not in {one["Name"] for one in clients.s3.list_buckets()["Buckets"]}


def test_the_zip_for_aws_holds_what_the_function_imports_and_nothing_else(
    stacks: Stacks, repository: Repository
) -> None:
    repository.output()

    with zipfile.ZipFile(repository.path / "build" / "process_files.zip") as zipped:
        folders = {name.partition("/")[0] for name in zipped.namelist()}
    packages = {name for name in folders if not name.endswith((".dist-info", ".py"))}
    assert {"process_files", "object_consumer", "msgspec", "obstore"} <= packages
    assert not {"event_pipelines", "aws_rules", "record_formats", "circuit_state"} & packages
