"""The root module on a bucket that somebody else owns: only its notifications are managed."""

import pytest

from event_pipelines.terraform import Terraform
from tests.integration.configurations import EXISTING_BUCKET, OUTPUT_BUCKET
from tests.integration.pipeline import AppliedPipeline, Clients

pytestmark = [pytest.mark.integration, pytest.mark.applies("theirs")]


def test_files_in_an_existing_bucket_reach_the_consumers(
    on_existing_bucket: Terraform, clients: Clients
) -> None:
    pipeline = AppliedPipeline(on_existing_bucket.outputs(), clients)

    clients.s3.put_object(Bucket=EXISTING_BUCKET, Key="a file.txt", Body=b"text")

    assert pipeline.outcome("log", "a file.txt", "done")["bucket"] == EXISTING_BUCKET


def test_files_and_outputs_under_a_key_of_theirs_are_read_and_written(
    on_existing_bucket: Terraform, clients: Clients
) -> None:
    pipeline = AppliedPipeline(on_existing_bucket.outputs(), clients)
    key = "incoming/encrypted.json"

    clients.s3.put_object(Bucket=EXISTING_BUCKET, Key=key, Body=b"[]")

    pipeline.outcome("transform", key, "done")
    read = clients.s3.head_object(Bucket=EXISTING_BUCKET, Key=key)["SSEKMSKeyId"]
    output = clients.s3.head_object(Bucket=OUTPUT_BUCKET, Key=f"processed/{key}")
    assert output["SSEKMSKeyId"] == read


def test_the_bucket_itself_is_not_managed(on_existing_bucket: Terraform) -> None:
    assert [
        address
        for address in on_existing_bucket.resources()
        if "aws_s3_bucket" in address and "aws_s3_bucket_notification" not in address
    ] == []


def test_destroying_the_pipeline_leaves_the_bucket_and_its_files(
    on_existing_bucket: Terraform, clients: Clients
) -> None:
    clients.s3.put_object(Bucket=EXISTING_BUCKET, Key="kept.txt", Body=b"text")

    on_existing_bucket.destroy()

    assert on_existing_bucket.resources() == []
    assert clients.s3.get_object(Bucket=EXISTING_BUCKET, Key="kept.txt")["Body"].read() == b"text"
    configuration = clients.s3.get_bucket_notification_configuration(Bucket=EXISTING_BUCKET)
    assert not [key for key in configuration if key.endswith(("Configurations", "Configuration"))]
