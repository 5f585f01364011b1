"""Every example, applied and driven with real uploads: the architectures that users start from."""

import gzip
import json
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from botocore.exceptions import ClientError

from event_pipelines.localstack import Instance
from tests.integration.configurations import ANOTHER_ACCOUNT, EXAMPLES, SECOND_CONSUMERS
from tests.integration.pipeline import AppliedPipeline, Clients, Inbox, unique
from tests.integration.stacks import Stacks
from tests.integration.waiting import eventually

pytestmark = pytest.mark.integration


def applied(stacks: Stacks, name: str, clients: Clients) -> AppliedPipeline:
    """Wait for an example, and give it as a pipeline."""
    return AppliedPipeline(stacks[name].outputs(), clients)


def upload_bad_file(pipeline: AppliedPipeline, cleanup: ExitStack) -> tuple[str, Inbox]:
    """Upload a file that is dead-lettered, and listen to the alerts: CloudWatch takes a minute."""
    key = unique("invalid.json")
    inbox = cleanup.enter_context(pipeline.subscribed(pipeline.outputs["alerts_topic"]["arn"]))
    pipeline.upload(key, '{"order": 1,}')
    return key, inbox


class TestFanOut:
    """S3 to SNS to two queues to two functions."""

    pytestmark = pytest.mark.applies("fan-out")

    @pytest.fixture
    def pipeline(self, stacks: Stacks, clients: Clients) -> AppliedPipeline:
        return applied(stacks, "fan-out", clients)

    def test_an_upload_and_a_copy_both_arrive_at_both(self, pipeline: AppliedPipeline) -> None:
        upload, copy = unique("a file.txt"), unique("a copy.txt")
        pipeline.upload(upload, "content")
        pipeline.clients.s3.copy_object(
            Bucket=pipeline.bucket,
            Key=copy,
            CopySource={"Bucket": pipeline.bucket, "Key": upload},
        )

        names = {
            (consumer, key): pipeline.outcome(consumer, key, "done")["event_name"]
            for consumer in ("audit", "inventory")
            for key in (upload, copy)
        }
        assert names == {
            ("audit", upload): "ObjectCreated:Put",
            ("audit", copy): "ObjectCreated:Copy",
            ("inventory", upload): "ObjectCreated:Put",
            ("inventory", copy): "ObjectCreated:Copy",
        }

    def test_each_function_has_a_role_that_may_use_its_own_queue_only(
        self, pipeline: AppliedPipeline
    ) -> None:
        for name, other in (("audit", "inventory"), ("inventory", "audit")):
            policy = pipeline.role_policy(name)
            allowed = json.dumps([statement["Resource"] for statement in policy["Statement"]])
            assert pipeline.consumer(name)["queue"]["arn"] in allowed
            assert other not in allowed
            assert "*" not in {
                action for statement in policy["Statement"] for action in statement["Action"]
            }


class TestLoadDynamoDB:
    """S3 to a function to a table, without a queue."""

    pytestmark = pytest.mark.applies("load-dynamodb")

    @pytest.fixture
    def pipeline(self, stacks: Stacks, clients: Clients) -> AppliedPipeline:
        return applied(stacks, "load-dynamodb", clients)

    @staticmethod
    def item(pipeline: AppliedPipeline, key: str) -> dict[str, Any] | None:
        found = pipeline.clients.dynamodb.get_item(
            TableName=pipeline.outputs["table"]["name"], Key={"id": {"S": key}}, ConsistentRead=True
        )
        return found.get("Item")

    def loaded(self, pipeline: AppliedPipeline, key: str) -> dict[str, Any]:
        item = eventually(lambda: self.item(pipeline, key), waiting_for=f"item {key}")
        assert item is not None
        return item

    @pytest.mark.parametrize(
        ("name", "template"),
        [
            ("one.json", '{"id": "%s", "total": 129.90, "paid": true, "note": null}'),
            ("array.json", '[{"id": "%s", "total": 129.90, "paid": true, "note": null}]'),
            ("lines.jsonl", '{"id": "%s", "total": 129.90, "paid": true, "note": null}\n'),
        ],
    )
    def test_records_become_items_of_their_types(
        self, pipeline: AppliedPipeline, name: str, template: str
    ) -> None:
        record = secrets.token_hex(8)

        pipeline.upload(unique(name), template % record)

        assert self.loaded(pipeline, record) == {
            "id": {"S": record},
            "total": {"N": "129.90"},
            "paid": {"BOOL": True},
            "note": {"NULL": True},
        }

    def test_rows_of_csv_become_items_and_a_second_upload_changes_nothing(
        self, pipeline: AppliedPipeline
    ) -> None:
        records, key = [secrets.token_hex(8) for _ in range(60)], unique("rows.csv")
        body = "id,total\n" + "".join(f"{record},1.10\n" for record in records)
        pipeline.upload(key, body)
        before = [self.loaded(pipeline, record) for record in records]

        second = pipeline.upload(key, body)
        eventually(
            lambda: [line["version_id"] for line in pipeline.outcomes("load", key)],
            until=lambda versions: second in versions,
            waiting_for="the second version",
        )

        assert [self.item(pipeline, record) for record in records] == before
        assert before[0]["total"] == {"S": "1.10"}

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ('[{"id": "a"}, {"name": "no key"}]', "record 2"),
            ('[{"id": "a"}, {"id": "b", "size": NaN}]', "column"),
            (f'[{{"id": "big", "text": "{"x" * 410_000}"}}]', "record 1"),
        ],
        ids=["missing key", "NaN", "too large"],
    )
    def test_a_file_that_never_will_load_is_dead_lettered_at_once_and_writes_nothing(
        self, pipeline: AppliedPipeline, body: str, reason: str
    ) -> None:
        key = unique("bad.json")
        pipeline.upload(key, body)

        message = pipeline.dead_letter_about("load", key)

        assert reason in message.error_message
        assert message.kind == "permanent"
        # The message may be in the queue before the function's lines are in its log.
        pipeline.outcome("load", key, "permanent")
        assert len(pipeline.outcomes("load", key)) == 1
        assert self.item(pipeline, "a") is None

    @staticmethod
    @contextmanager
    def without_its_table(pipeline: AppliedPipeline) -> Iterator[None]:
        """Let the function look for a table that is not there."""
        lambda_ = pipeline.clients.lambda_
        name = pipeline.consumer("load")["function"]["name"]
        before = lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        try:
            for settings in ({**before, "TABLE_NAME": "missing"}, before):
                lambda_.update_function_configuration(
                    FunctionName=name, Environment={"Variables": settings}
                )
                lambda_.get_waiter("function_updated_v2").wait(FunctionName=name)
                if settings is not before:
                    yield
        finally:
            lambda_.update_function_configuration(
                FunctionName=name, Environment={"Variables": before}
            )
            lambda_.get_waiter("function_updated_v2").wait(FunctionName=name)

    def test_what_fails_for_a_while_is_retried_kept_with_its_error_and_can_be_sent_again(
        self, pipeline: AppliedPipeline
    ) -> None:
        record, keys = secrets.token_hex(8), []

        def failed() -> str | None:
            """Upload once more: LocalStack may lose what comes while a function changes."""
            keys.append(unique("later.json"))
            pipeline.upload(keys[-1], json.dumps({"id": record}))
            return next((key for key in keys if pipeline.outcomes("load", key)), None)

        with self.without_its_table(pipeline):
            key = eventually(failed, waiting_for="an event that is handled")
            assert key is not None
            message = pipeline.dead_letter_about("load", key, within=120)
        failure = json.loads(message.body)

        tries = eventually(
            lambda: pipeline.outcomes("load", key),
            until=lambda lines: len(lines) >= 3,
            waiting_for="the lines of three tries",
        )
        assert len(tries) == 3
        assert failure["requestContext"]["condition"] == "RetriesExhausted"
        assert "missing" in failure["responsePayload"]["errorMessage"]
        assert self.item(pipeline, record) is None

        # As it lies in the queue, nothing unwrapped.
        pipeline.clients.lambda_.invoke(
            FunctionName=pipeline.consumer("load")["function"]["name"], Payload=message.body
        )
        assert self.loaded(pipeline, record) == {"id": {"S": record}}


class TestBuffered:
    """S3 to SNS to a queue to a function, and more consumers from elsewhere."""

    pytestmark = pytest.mark.applies("buffered", *SECOND_CONSUMERS)

    @pytest.fixture
    def pipeline(self, stacks: Stacks, clients: Clients) -> AppliedPipeline:
        return applied(stacks, "buffered", clients)

    def test_a_file_is_processed(self, pipeline: AppliedPipeline) -> None:
        key = unique("orders.json")
        pipeline.upload(key, '[{"total": 1.10}]')

        assert pipeline.output_of(key)["record_count"] == 1

    def test_a_bad_file_is_dead_lettered_with_its_reason(self, pipeline: AppliedPipeline) -> None:
        key = unique("bad.json")
        pipeline.upload(key, "no JSON")

        message = pipeline.dead_letter_about("transform", key)
        assert "line 1" in message.error_message

    @pytest.mark.parametrize("name", SECOND_CONSUMERS)
    def test_a_consumer_that_knows_the_topic_only_gets_the_files_too(
        self, stacks: Stacks, pipeline: AppliedPipeline, localstack: Instance, name: str
    ) -> None:
        account = SECOND_CONSUMERS[name]
        environment = dict(localstack.environment)
        if account is not None:
            environment["AWS_ACCESS_KEY_ID"] = account
        second = AppliedPipeline(stacks[name].outputs(), Clients.of(environment))
        key = unique("for both.json")

        pipeline.upload(key, "[]")

        assert second.outcome("audit", key, "done")["bucket"] == pipeline.bucket
        owner = second.consumer("audit")["queue"]["arn"].split(":")[4]
        assert owner == (account or pipeline.outputs["topic"]["arn"].split(":")[4])

    def test_an_account_that_may_subscribe_reads_what_it_is_told_of_and_no_more(
        self, pipeline: AppliedPipeline, localstack: Instance
    ) -> None:
        key = unique("to read.json")
        version = pipeline.upload(key, "[]")
        theirs = {**localstack.environment, "AWS_ACCESS_KEY_ID": ANOTHER_ACCOUNT}
        s3 = Clients.of(theirs).s3

        whole = s3.get_object(Bucket=pipeline.bucket, Key=key)["Body"].read()
        exact = s3.get_object(Bucket=pipeline.bucket, Key=key, VersionId=version)["Body"].read()

        assert whole == exact == b"[]"
        with pytest.raises(ClientError, match="NoSuchKey"):
            s3.get_object(Bucket=pipeline.bucket, Key=f"{key}.missing")
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.get_object(Bucket=pipeline.bucket, Key=f"processed/{key}")

    def test_another_account_is_another_account(self, stacks: Stacks) -> None:
        arn = stacks["second-elsewhere"].outputs()["consumers"]["audit"]["function"]["arn"]
        assert arn.split(":")[4] == ANOTHER_ACCOUNT

    @pytest.mark.parametrize("name", SECOND_CONSUMERS)
    def test_a_second_plan_of_a_second_consumer_is_empty(self, stacks: Stacks, name: str) -> None:
        assert stacks[name].changes() == {}


class TestEventBridge:
    """S3 to EventBridge to SNS to a queue to a function, encrypted with one key."""

    pytestmark = pytest.mark.applies("eventbridge")

    @pytest.fixture
    def pipeline(self, stacks: Stacks, clients: Clients) -> AppliedPipeline:
        return applied(stacks, "eventbridge", clients)

    def test_a_file_is_processed_wherever_it_lies_and_its_output_is_not(
        self, pipeline: AppliedPipeline
    ) -> None:
        folder = f"wherever/{secrets.token_hex(4)} é+"
        pipeline.upload(f"{folder}/orders.tmp", "{}")
        pipeline.upload(f"{folder}/orders.json", '[{"total": 1.10}]')
        pipeline.upload(f"{folder}/last.json", "[]")

        assert pipeline.output_of(f"{folder}/orders.json")["record_count"] == 1
        pipeline.output_of(f"{folder}/last.json")
        handled = {line["key"] for line in pipeline.log_lines("transform") if "outcome" in line}
        assert {key for key in handled if key.endswith(".tmp") or key.startswith("processed/")} == (
            set()
        )

    def test_the_archive_sends_a_time_again(self, pipeline: AppliedPipeline) -> None:
        key = f"replayed/{secrets.token_hex(4)}.json"
        began = datetime.now(UTC)
        pipeline.upload(key, "[]")
        pipeline.outcome("transform", key, "done")
        rule, events = pipeline.outputs["rule"], pipeline.clients.events
        eventually(
            lambda: events.describe_archive(ArchiveName=rule["archive"]["name"])["EventCount"],
            waiting_for="events in the archive",
        )

        events.start_replay(
            ReplayName=f"again-{secrets.token_hex(4)}",
            EventSourceArn=rule["archive"]["arn"],
            EventStartTime=began - timedelta(seconds=1),
            EventEndTime=datetime.now(UTC) + timedelta(seconds=1),
            Destination={
                "Arn": rule["arn"].split(":rule/")[0] + ":event-bus/default",
                "FilterArns": [rule["arn"]],
            },
        )

        eventually(
            lambda: [line["outcome"] for line in pipeline.outcomes("transform", key)],
            until=["done", "done"].__eq__,
            waiting_for="the replayed event",
        )

    def test_everything_is_encrypted_with_the_key(self, pipeline: AppliedPipeline) -> None:
        key = f"{secrets.token_hex(4)}.json"
        pipeline.upload(key, "[]")
        stored = pipeline.clients.s3.head_object(Bucket=pipeline.bucket, Key=key)
        queue = pipeline.consumer("transform")["queue"]
        attributes = pipeline.clients.sqs.get_queue_attributes(
            QueueUrl=queue["url"], AttributeNames=["KmsMasterKeyId"]
        )["Attributes"]

        assert stored["ServerSideEncryption"] == "aws:kms"
        assert attributes["KmsMasterKeyId"] == stored["SSEKMSKeyId"] == queue["kms_key_arn"]


class TestQueryParquet:
    """S3 to SNS to a queue to query_objects to Parquet in partitions."""

    pytestmark = pytest.mark.applies("query-parquet")

    @pytest.fixture
    def pipeline(self, stacks: Stacks, clients: Clients) -> AppliedPipeline:
        return applied(stacks, "query-parquet", clients)

    @staticmethod
    def rows(pipeline: AppliedPipeline, key: str, folder: Path) -> list[Any]:
        """Read the Parquet file of an upload."""
        path = folder / "read.parquet"
        path.write_bytes(pipeline.object_at(key) or b"")
        with duckdb.connect() as connection:
            read = connection.execute(
                "SELECT order_id, country, ordered::VARCHAR, total::VARCHAR, file FROM "
                "read_parquet(?)",
                [str(path)],
            )
            return read.fetchall()

    def test_a_csv_file_becomes_parquet_in_its_partition_and_a_new_version_replaces_it(
        self, pipeline: AppliedPipeline, tmp_path: Path
    ) -> None:
        header = "order_id,country,ordered,total,status\n"
        key = unique("orders-2026-02-03.csv")
        output = f"processed/year=2026/month=02/{key}.parquet"

        pipeline.upload(key, f"{header}007,de,2026-02-03,1.10,paid\n")
        pipeline.outcome("convert", key, "done")
        before = self.rows(pipeline, output, tmp_path)
        second = pipeline.upload(
            key, gzip.compress(f"{header}007,de,2026-02-03,1.10,cancelled\n".encode())
        )
        eventually(
            lambda: [line["version_id"] for line in pipeline.outcomes("convert", key)],
            until=lambda versions: second in versions,
            waiting_for="the second version",
        )

        assert before == [("007", "DE", "2026-02-03", "1.10", key)]
        assert self.rows(pipeline, output, tmp_path) == []
        assert pipeline.outcome("convert", key, "done")["rows"] == 1

    def test_a_value_that_would_be_rounded_is_dead_lettered_with_its_record(
        self, pipeline: AppliedPipeline
    ) -> None:
        key = unique("orders-2026-02-04.csv")
        pipeline.upload(key, "order_id,country,ordered,total,status\n1,de,2026-02-04,1.159,paid\n")

        message = pipeline.dead_letter_about("convert", key)

        assert (
            "record 1, column 'total': '1.159' doesn't fit DECIMAL(18,2)" in message.error_message
        )
        assert message.kind == "permanent"


class TestQueueDirect:
    """S3 to a queue to a function to processed/, and what happens when a file is bad."""

    pytestmark = pytest.mark.applies("queue-direct")

    @pytest.fixture
    def pipeline(self, stacks: Stacks, clients: Clients) -> AppliedPipeline:
        return applied(stacks, "queue-direct", clients)

    def test_a_json_file_is_processed_and_others_are_left_alone(
        self, pipeline: AppliedPipeline
    ) -> None:
        good, other = unique("orders.json"), unique("orders.csv")
        outside = f"elsewhere/{secrets.token_hex(4)}.json"
        for key in (other, outside, good):
            pipeline.upload(key, '[{"total": 1.10}]')

        assert pipeline.output_of(good)["record_count"] == 1
        assert pipeline.outcomes("transform", other) == []
        assert pipeline.outcomes("transform", outside) == []

    def test_messages_live_a_day_and_are_dead_lettered_after_three_receives(
        self, pipeline: AppliedPipeline
    ) -> None:
        attributes = pipeline.clients.sqs.get_queue_attributes(
            QueueUrl=pipeline.consumer("transform")["queue"]["url"],
            AttributeNames=["MessageRetentionPeriod", "RedrivePolicy"],
        )["Attributes"]

        assert attributes["MessageRetentionPeriod"] == "86400"
        assert int(json.loads(attributes["RedrivePolicy"])["maxReceiveCount"]) == 3

    def test_processed_files_expire(self, pipeline: AppliedPipeline) -> None:
        rules = pipeline.clients.s3.get_bucket_lifecycle_configuration(Bucket=pipeline.bucket)
        expiring = {
            rule.get("Filter", {}).get("Prefix"): rule["Expiration"].get("Days")
            for rule in rules["Rules"]
            if "Expiration" in rule
        }
        assert expiring["processed/"] == 30

    @pytest.mark.begins("queue-direct", upload_bad_file)
    def test_an_invalid_file_is_dead_lettered_with_its_reason_and_raises_the_alarm(
        self, pipeline: AppliedPipeline, stacks: Stacks
    ) -> None:
        key, inbox = stacks.begun[upload_bad_file].result()
        message = pipeline.dead_letter_about("transform", key)
        assert "line 1, column 13" in message.error_message

        alarm = pipeline.consumer("transform")["alarms"]["dead_letter_queue_not_empty"]
        eventually(lambda: inbox.alarms(alarm), within=180, waiting_for=f"{alarm} to be told of")


def _applies(name: str) -> Any:
    return pytest.param(name, marks=pytest.mark.applies(name))


@pytest.fixture(scope="module")
def plans(stacks: Stacks) -> Mapping[str, Future[dict[str, str]]]:
    """Plan all examples again, side by side."""
    names = [name for name in EXAMPLES if name in stacks.applying]
    return {name: stacks.pool.submit(stacks[name].changes) for name in names}


@pytest.fixture(scope="module")
def destroying(stacks: Stacks) -> Iterator[Mapping[str, Future[None]]]:
    """Destroy all examples, side by side."""
    names = [name for name in EXAMPLES if name in stacks.applying]
    futures = {name: stacks.pool.submit(stacks[name].destroy) for name in names}
    yield futures
    # The session's end destroys what is left; their states are locked until these are done.
    wait(futures.values())


@pytest.mark.parametrize("name", [_applies(name) for name in EXAMPLES])
def test_a_second_plan_is_empty(plans: Mapping[str, Future[dict[str, str]]], name: str) -> None:
    assert plans[name].result() == {}


@pytest.mark.parametrize("name", [_applies(name) for name in EXAMPLES])
def test_destroying_an_example_leaves_nothing(
    stacks: Stacks, destroying: Mapping[str, Future[None]], clients: Clients, name: str
) -> None:
    destroying[name].result()

    assert stacks[name].resources() == []
    assert EXAMPLES[name]["bucket_name"] not in {
        bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]
    }
    assert not clients.sqs.list_queues(QueueNamePrefix=name).get("QueueUrls")
    assert not [
        function
        for function in clients.lambda_.list_functions()["Functions"]
        if function["FunctionName"].startswith(f"{name}-")
    ]
