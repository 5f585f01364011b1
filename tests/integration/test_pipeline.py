"""Files uploaded to the applied pipeline: what becomes of each, at each consumer."""

import json
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote_plus

import pytest
from mypy_boto3_s3.type_defs import CompletedPartTypeDef

from event_pipelines.terraform import Terraform
from tests.integration.pipeline import DASHBOARD, AppliedPipeline, Inbox, unique
from tests.integration.stacks import Stacks
from tests.integration.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.applies("orders")]

STRANGE_KEYS = {
    "spaces": "incoming/monthly report 2026.json",
    "plus": "incoming/a+b.json",
    "percent": "incoming/100%.json",
    "percent that looks encoded": "incoming/a%20b%2Fc.json",
    "ampersand": "incoming/this&that=those.json",
    "accent": "incoming/café é.json",
    "japanese": "incoming/日本/売上.json",
    "emoji": "incoming/🚚.json",
    "empty segment": "incoming//double.json",
    "1,000 characters": f"incoming/{'k' * 986}.json",
    "quotes": 'incoming/it\'s "quoted".json',
}


def fill_dead_letter_queue(pipeline: AppliedPipeline, cleanup: ExitStack) -> Inbox:
    """Listen to the alerts, then have a message dead-lettered: CloudWatch takes a minute to notice.

    Only here does this consumer fail, so its alarm hasn't gone off before.
    """
    inbox = cleanup.enter_context(pipeline.subscribed(pipeline.outputs["alerts_topic"]["arn"]))
    url = pipeline.consumer("log")["queue"]["url"]
    pipeline.clients.sqs.send_message(QueueUrl=url, MessageBody="no event")
    return inbox


@pytest.fixture(scope="module")
def strange_uploads(pipeline: AppliedPipeline) -> Mapping[str, str]:
    """Upload all strange keys at once; each test then looks for its own."""
    for name, key in STRANGE_KEYS.items():
        pipeline.upload(key, json.dumps([{"name": name}]))
    return STRANGE_KEYS


@pytest.mark.parametrize("name", STRANGE_KEYS)
def test_a_file_reaches_both_consumers_whatever_its_key(
    pipeline: AppliedPipeline, strange_uploads: Mapping[str, str], name: str
) -> None:
    key = strange_uploads[name]

    line = pipeline.outcome("transform", key, "done")
    assert pipeline.outcome("log", key, "done")["bucket"] == pipeline.bucket
    output = line["output"].removeprefix(f"s3://{pipeline.bucket}/")
    body = pipeline.object_at(output)
    assert body is not None
    assert json.loads(body)["records"] == [{"name": name}]


def test_a_copy_is_an_object_of_its_own(pipeline: AppliedPipeline) -> None:
    original, copy = unique("original.json"), unique("copy.json")
    pipeline.upload(original, "[1]")
    pipeline.clients.s3.copy_object(
        Bucket=pipeline.bucket,
        Key=copy,
        CopySource={"Bucket": pipeline.bucket, "Key": original},
    )

    assert pipeline.output_of(copy)["records"] == [1]
    assert pipeline.outcome("log", copy, "done")["event_name"] == "ObjectCreated:Copy"


def test_an_overwritten_file_is_processed_in_both_versions(pipeline: AppliedPipeline) -> None:
    key = unique("overwritten.json")
    first = pipeline.upload(key, "[1]")
    pipeline.outcome("transform", key, "done")
    second = pipeline.upload(key, "[2]")

    eventually(
        lambda: {line["version_id"] for line in pipeline.outcomes("transform", key)},
        until={first, second}.__eq__,
        waiting_for="both versions to be handled",
    )
    assert pipeline.output_of(key)["records"] == [2]


def test_a_multipart_upload_arrives_once_and_is_copied_in_parts(pipeline: AppliedPipeline) -> None:
    s3, key = pipeline.clients.s3, f"scripted/{secrets.token_hex(4)}/whole/large.bin"
    part = secrets.token_bytes(9 * 1024 * 1024)
    upload = s3.create_multipart_upload(Bucket=pipeline.bucket, Key=key)["UploadId"]
    target: dict[str, Any] = {"Bucket": pipeline.bucket, "Key": key, "UploadId": upload}
    parts: list[CompletedPartTypeDef] = [
        {"PartNumber": n, "ETag": s3.upload_part(**target, PartNumber=n, Body=part)["ETag"]}
        for n in (1, 2)
    ]
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})

    line = pipeline.outcome("scripted", key, "done")
    copy = s3.get_object(Bucket=pipeline.bucket, Key=f"scripted-output/{key}")
    assert line["size"] == 2 * len(part)
    assert line["version"] == copy["VersionId"]
    assert copy["Body"].read() == 2 * part
    assert line["event_name"] == "ObjectCreated:CompleteMultipartUpload"
    assert len(pipeline.outcomes("scripted", key)) == 1


def test_an_upload_in_parts_that_fails_leaves_nothing(pipeline: AppliedPipeline) -> None:
    key = "scripted/upload-that-fails/large.bin"

    pipeline.upload(key, "x" * 17 * 1024 * 1024)

    pipeline.outcome("scripted", key, "permanent")
    uploads = pipeline.clients.s3.list_multipart_uploads(Bucket=pipeline.bucket)
    assert uploads.get("Uploads", []) == []


def test_a_deletion_is_no_file_to_process(pipeline: AppliedPipeline) -> None:
    key, after = unique("deleted.json"), unique("after.json")
    pipeline.upload(key, "[1]")
    pipeline.outcome("log", key, "done")
    pipeline.clients.s3.delete_object(Bucket=pipeline.bucket, Key=key)
    pipeline.upload(after, "[1]")

    pipeline.outcome("log", after, "done")
    assert len(pipeline.outcomes("log", key)) == 1


def test_files_outside_a_consumers_filter_do_not_reach_it(pipeline: AppliedPipeline) -> None:
    outside, inside = f"scripted/{secrets.token_hex(4)}/ok/x.json", unique("inside.json")
    pipeline.upload(outside, "[1]")
    pipeline.upload(inside, "[1]")

    pipeline.outcome("scripted", outside, "done")
    pipeline.outcome("log", inside, "done")
    assert pipeline.outcomes("log", outside) == []
    assert pipeline.outcomes("scripted", inside) == []


def test_one_bad_file_in_a_batch_leaves_the_others_done_once(pipeline: AppliedPipeline) -> None:
    good = [unique(f"good-{n}.json") for n in range(4)]
    bad = unique("bad.json")
    with pipeline.paused("transform"):
        for key in [*good[:2], bad, *good[2:]]:
            pipeline.upload(key, "[1]" if key != bad else '[1,\n 2,\n "unclosed]')

    for key in good:
        pipeline.outcome("transform", key, "done")
    message = pipeline.dead_letter_about("transform", bad)
    queue = pipeline.consumer("transform")["queue"]["url"]
    eventually(lambda: pipeline.queue_depth(queue), until=(0).__eq__, waiting_for="an empty queue")
    assert "line 3" in message.error_message
    assert [len(pipeline.outcomes("transform", key)) for key in good] == [1] * len(good)


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("malformed.json", b'{"a": 1,\n "b": }', "line 2"),
        ("empty.json", b"", "empty"),
        ("latin-1.json", '["é"]'.encode("latin-1"), "UTF-8"),
        ("ragged.csv", b"a,b\n1,2\n3\n", "line 3"),
        ("unknown.parquet", b"PAR1", "parquet"),
        ("too-large.json", b"[" + b"1," * 600_000 + b"1]", "accepts 1000000"),
    ],
)
def test_a_poison_file_is_dead_lettered_at_once_with_its_reason(
    pipeline: AppliedPipeline, name: str, body: bytes, reason: str
) -> None:
    key = unique(name)
    pipeline.upload(key, body)

    message = pipeline.dead_letter_about("transform", key)

    function = message.message_attributes["FunctionName"]["StringValue"]
    assert reason in message.error_message
    assert message.kind == "permanent"
    assert function == pipeline.consumer("transform")["function"]["name"]
    # The message may be in the queue before the function's lines are in its log.
    pipeline.outcome("transform", key, "permanent")
    assert [line["attempts"] for line in pipeline.outcomes("transform", key)] == [1]


def test_an_object_deleted_before_it_is_read_is_dead_lettered(pipeline: AppliedPipeline) -> None:
    key = unique("gone.json")
    with pipeline.paused("transform"):
        version = pipeline.upload(key, "[1]")
        pipeline.clients.s3.delete_object(Bucket=pipeline.bucket, Key=key, VersionId=version)

    message = pipeline.dead_letter_about("transform", key)
    assert message.error_type == "ObjectNotFoundError"


@pytest.mark.parametrize(
    "body", ["not JSON at all", "{}", '{"Records": [{"s3": {}}]}', '{"Records": "none"}']
)
def test_a_message_that_is_no_event_is_dead_lettered_word_for_word(
    pipeline: AppliedPipeline, body: str
) -> None:
    origin = secrets.token_hex(4)
    pipeline.clients.sqs.send_message(
        QueueUrl=pipeline.consumer("transform")["queue"]["url"],
        MessageBody=body,
        MessageAttributes={"Origin": {"DataType": "String", "StringValue": origin}},
    )

    message = pipeline.dead_letter(
        "transform",
        lambda message: message.message_attributes.get("Origin", {}).get("StringValue") == origin,
    )
    assert message.body == body
    assert message.error_type == "MessageFormatError"


def test_a_passing_trouble_is_retried_until_it_has_passed(pipeline: AppliedPipeline) -> None:
    key = f"scripted/{secrets.token_hex(4)}/until-released/x.json"
    pipeline.upload(key, "[1]")
    pipeline.outcome("scripted", key, "retry")
    pipeline.upload(f"released/{key}", "")

    assert pipeline.outcome("scripted", key, "done")["attempts"] == 2


def test_a_trouble_that_does_not_pass_is_dead_lettered_with_its_reason(
    pipeline: AppliedPipeline,
) -> None:
    key = f"scripted/{secrets.token_hex(4)}/never/x.json"
    pipeline.upload(key, "[1]")

    message = pipeline.dead_letter_about("scripted", key, within=120)
    assert message.kind == "exhausted"
    assert message.error_type == "ZeroDivisionError"
    assert key in message.error_message


def upload_crashing_file(pipeline: AppliedPipeline, _cleanup: ExitStack) -> str:
    """Upload a file whose two receives take a visibility timeout each."""
    key = f"scripted/{secrets.token_hex(4)}/crash/x.json"
    pipeline.upload(key, "[1]")
    return key


@pytest.mark.begins("orders", upload_crashing_file)
def test_a_file_that_takes_the_process_down_ends_in_the_dead_letter_queue(
    pipeline: AppliedPipeline, stacks: Stacks
) -> None:
    key = stacks.begun[upload_crashing_file].result()
    after = f"scripted/{secrets.token_hex(4)}/ok/x.json"
    pipeline.dead_letter_about("scripted", key, within=180)
    pipeline.upload(after, "[1]")

    assert pipeline.outcome("scripted", after, "done")


def test_a_dead_lettered_file_can_be_redriven_once_its_trouble_is_over(
    pipeline: AppliedPipeline,
) -> None:
    key = f"scripted/{secrets.token_hex(4)}/until-released/redriven.json"
    # What other tests have left there would be moved too.
    pipeline.clients.sqs.purge_queue(
        QueueUrl=pipeline.consumer("scripted")["dead_letter_queue"]["url"]
    )
    pipeline.upload(key, "[1]")
    pipeline.dead_letter_about("scripted", key, within=120)
    pipeline.upload(f"released/{key}", "")
    scripted = pipeline.consumer("scripted")
    eventually(
        lambda: pipeline.visible_messages(scripted["dead_letter_queue"]["url"]),
        waiting_for="the message to be visible again",
    )

    # These messages were sent, not moved, to the queue: SQS doesn't know where they came from.
    pipeline.clients.sqs.start_message_move_task(
        SourceArn=scripted["dead_letter_queue"]["arn"], DestinationArn=scripted["queue"]["arn"]
    )

    assert pipeline.outcome("scripted", key, "done")


@pytest.mark.begins("orders", fill_dead_letter_queue)
def test_the_alarm_tells_the_alerts_topic_when_a_dead_letter_queue_fills(
    pipeline: AppliedPipeline, stacks: Stacks
) -> None:
    alerts = stacks.begun[fill_dead_letter_queue].result()
    alarm = pipeline.consumer("log")["alarms"]["dead_letter_queue_not_empty"]

    eventually(lambda: alerts.alarms(alarm), within=180, waiting_for=f"{alarm} to be told of")


def test_the_circuit_breaker_looks_every_minute_by_itself(pipeline: AppliedPipeline) -> None:
    group = pipeline.outputs["circuit_breaker"]["function"]["log_group_name"]

    def minutes() -> set[str]:
        pages = pipeline.clients.logs.get_paginator("filter_log_events").paginate(
            logGroupName=group
        )
        lines = [event["message"] for page in pages for event in page["events"]]
        looks = [json.loads(line) for line in lines if '"circuit ' in line]
        return {look["timestamp"][: len("2026-01-31T12:00")] for look in looks}

    eventually(
        minutes,
        until=lambda minutes: len(minutes) >= 3,
        within=180,
        waiting_for="its clock to have it looked in three different minutes",
    )


def test_the_notification_names_the_key_as_s3_encodes_it(pipeline: AppliedPipeline) -> None:
    key = unique("bad é+%.json")
    pipeline.upload(key, "no JSON")

    message = pipeline.dead_letter_about("transform", key)
    (record,) = json.loads(message.body)["Records"]
    assert record["s3"]["object"]["key"] == quote_plus(key, safe="/")


def test_a_second_plan_changes_nothing(root_module: Terraform) -> None:
    assert root_module.changes() == {}


def test_one_more_consumer_touches_neither_bucket_nor_topic_nor_the_other_consumers(
    root_module: Terraform,
) -> None:
    consumers = root_module.variables["consumers"]
    grown = Terraform(
        root_module.configuration,
        root_module.work,
        root_module.environment,
        {**root_module.variables, "consumers": {**consumers, "another": consumers["log"]}},
    )

    changed = grown.changes()

    resources = [address for address in changed if not address.startswith("output.")]
    resources.remove(DASHBOARD)
    assert resources
    assert [address for address in resources if '["another"]' not in address] == []
    assert {changed[address] for address in resources} == {"create"}
