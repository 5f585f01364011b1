"""What was dead-lettered is sent back as it was, in its order, and whatever one message is like."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from event_pipelines.operations import dead_letters
from event_pipelines.operations.commands import redrive
from event_pipelines.operations.dead_letters import DeadLetter
from tests.unit.operations.command_line import Run
from tests.unit.operations.world import World, record


def left(world: World) -> list[DeadLetter]:
    return list(dead_letters.look(world.consumer, world.aws, limit=100).letters)


def as_fifo(world: World) -> World:
    """The same consumer with FIFO queues."""
    urls = [
        world.aws.sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})
        for name in ("load", "load-dlq")
    ]
    queue, dead_letter_queue = (told["QueueUrl"] for told in urls)
    consumer = replace(world.consumer, queue_url=queue, dead_letter_queue_url=dead_letter_queue)
    return replace(world, consumer=consumer)


def dead_letter(world: World, body: str, **request: Any) -> None:
    url = str(world.consumer.dead_letter_queue_url)
    world.aws.sqs.send_message(QueueUrl=url, MessageBody=body, **request)


def in_group(world: World, group: str, *bodies: str) -> None:
    for body in bodies:
        names = {"MessageGroupId": group, "MessageDeduplicationId": f"{group}-{body}"}
        dead_letter(world, body, **names)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What is asked of AWS: operations, and what they are called with."""
    asked: list[tuple[str, Any]] = []
    answered(monkeypatch, lambda operation, parameters: asked.append((operation, parameters)))
    return asked


def answered(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, Mapping[str, Any]], Any]
) -> None:
    """Let a function answer AWS's operations; what it returns nothing for goes to moto."""
    make_api_call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
        return answer(operation, parameters) or make_api_call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


def test_only_messages_with_the_reason_are_sent_back(world: World) -> None:
    world.dead_letter("in/a.json", "FormatError", "line 3")
    world.dead_letter("in/b.json", "SchemaError", "no id", trace="abc")

    steps = list(redrive.move(world.consumer, world.aws, reason="schemaerror", limit=10))

    assert steps[-1] == redrive.Progress(moved=1, left=1)
    (sent,) = world.messages()
    assert sent["Body"] == record("in/b.json")
    assert set(sent["MessageAttributes"]) == {"trace"}
    (letter,) = left(world)
    assert letter.error_type == "FormatError"


@pytest.mark.parametrize("reason", ["", "format"])
def test_all_are_sent_back_however_many(world: World, reason: str) -> None:
    for number in range(95):
        world.dead_letter(f"in/{number}.json", "FormatError", "line 3")

    steps = list(redrive.move(world.consumer, world.aws, reason=reason))

    assert steps[-1] == redrive.Progress(moved=95)
    assert len(world.messages()) == 95


def test_a_redrive_that_is_stopped_loses_nothing(world: World) -> None:
    for number in range(25):
        world.dead_letter(f"in/{number}.json", "FormatError", "line 3")

    steps = redrive.move(world.consumer, world.aws, lanes=1)
    while next(steps).moved < 10:
        pass
    steps.close()

    assert len(world.messages()) == 10
    assert len(left(world)) == 15


def test_what_is_dead_lettered_meanwhile_is_not_sent_back_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.dead_letter("in/a.json", "FormatError", "line 3")
    monkeypatch.setattr(dead_letters, "now", lambda *_: datetime(2026, 1, 1, tzinfo=UTC))

    steps = list(redrive.move(world.consumer, world.aws))

    assert steps[-1] == redrive.Progress(left=1)
    assert len(left(world)) == 1


def test_no_more_is_looked_at_than_was_asked_for(
    world: World, requests: list[tuple[str, Any]]
) -> None:
    for number in range(40):
        world.dead_letter(f"in/{number}.json", "FormatError", "line 3")

    # One after the other: moto gives a message to two that ask for it at the same moment.
    steps = list(redrive.move(world.consumer, world.aws, reason="schema", limit=20, lanes=1))

    assert steps[-1] == redrive.Progress(left=20)
    assert [operation for operation, _ in requests].count("ReceiveMessage") == 2
    assert len(left(world)) == 40


def test_a_fifo_queue_is_sent_back_whole_and_in_order(world: World) -> None:
    fifo = as_fifo(world)
    bodies = [f"{number}" for number in range(25)]
    in_group(fifo, "a", *bodies)

    steps = list(redrive.move(fifo.consumer, fifo.aws))

    assert steps[-1] == redrive.Progress(moved=25)
    sent: list[Any] = []
    while received := fifo.aws.sqs.receive_message(
        QueueUrl=str(fifo.consumer.queue_url),
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["All"],
    ).get("Messages"):
        sent += received
        for message in received:
            fifo.aws.sqs.delete_message(
                QueueUrl=str(fifo.consumer.queue_url), ReceiptHandle=message["ReceiptHandle"]
            )
    assert [message["Body"] for message in sent] == bodies
    assert {message["Attributes"]["MessageGroupId"] for message in sent} == {"a"}
    # Within five minutes SQS would take the identifiers of before for duplicates.
    assert not {message["Attributes"]["MessageDeduplicationId"] for message in sent} & {
        f"a-{body}" for body in bodies
    }


def test_a_fifo_queue_shows_ten_of_each_group_and_says_so(world: World) -> None:
    fifo = as_fifo(world)
    in_group(fifo, "a", *(f"{number}" for number in range(25)))

    look = dead_letters.look(fifo.consumer, fifo.aws, limit=100)

    assert len(look.letters) == 10
    assert look.unseen.startswith("10 of about 25 messages: a FIFO queue returns no more")
    again = dead_letters.look(fifo.consumer, fifo.aws, limit=100)
    assert [letter.message_id for letter in again.letters] == [
        letter.message_id for letter in look.letters
    ]


def test_of_a_fifo_group_what_stays_hides_what_is_behind_it(world: World) -> None:
    fifo = as_fifo(world)
    in_group(fifo, "a", *(f"{number}" for number in range(12)))

    steps = list(redrive.move(fifo.consumer, fifo.aws, reason="schema", limit=100))

    assert steps[-1] == redrive.Progress(left=10)
    told = dead_letters.out_of_sight(fifo.consumer, fifo.aws, looked=10)
    assert told.startswith("10 of about 12 messages: a FIFO queue")


def test_in_a_standard_queue_a_group_is_kept_and_no_fifo_field_is_sent(
    world: World, requests: list[tuple[str, Any]]
) -> None:
    dead_letter(world, record("in/a.json"), MessageGroupId="customer-1")

    steps = list(redrive.move(world.consumer, world.aws))

    assert steps[-1] == redrive.Progress(moved=1)
    ((_, request),) = [asked for asked in requests if asked[0] == "SendMessageBatch"]
    (entry,) = request["Entries"]
    assert entry["MessageGroupId"] == "customer-1"
    # SQS refuses it for a standard queue.
    assert "MessageDeduplicationId" not in entry


def test_large_messages_go_in_as_many_requests_as_they_need(
    world: World, requests: list[tuple[str, Any]]
) -> None:
    kilobyte = 1024
    for size in (1000, 100, 100, 100, 1, 1):
        dead_letter(world, "ü" * (size * kilobyte // 2))

    steps = list(redrive.move(world.consumer, world.aws, lanes=1))

    assert steps[-1] == redrive.Progress(moved=6)
    sizes = [
        sum(len(entry["MessageBody"].encode()) for entry in request["Entries"])
        for operation, request in requests
        if operation == "SendMessageBatch"
    ]
    assert sum(sizes) == 1302 * kilobyte
    assert max(sizes) == 1000 * kilobyte
    assert all(size <= 256 * kilobyte for size in sorted(sizes)[:-1])


def test_a_look_is_over_when_it_has_seen_so_many_megabytes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MAX_LOOK_BYTES", 2**20)
    for _ in range(25):
        dead_letter(world, "a" * 2**17)

    look = dead_letters.look(world.consumer, world.aws, limit=100)

    assert look.unseen.startswith("10 of about 25 messages: they have more than 1 MB")
    assert {letter.body for letter in look.letters} == {""}
    assert len(dead_letters.look(world.consumer, world.aws, limit=100).letters) == 10


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "why"}}, "SendMessageBatch")


@pytest.mark.parametrize("whole", [False, True])
def test_a_message_that_sqs_does_not_take_harms_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, *, whole: bool
) -> None:
    for body in ("a", "bad", "c"):
        dead_letter(world, body)

    def answer(operation: str, parameters: Mapping[str, Any]) -> Any:
        entries = parameters.get("Entries", [])
        bad = [entry for entry in entries if entry.get("MessageBody") == "bad"]
        if operation != "SendMessageBatch" or not bad:
            return None
        if whole:
            raise refusal("AWS.SimpleQueueService.InvalidMessageContents")
        good = [entry for entry in entries if entry not in bad]
        if good:
            world.aws.sqs.send_message_batch(QueueUrl=parameters["QueueUrl"], Entries=good)
        code = {"SenderFault": True, "Code": "InvalidMessageContents", "Message": "why"}
        return {"Failed": [{"Id": entry["Id"], **code} for entry in bad]}

    answered(monkeypatch, answer)
    steps = list(redrive.move(world.consumer, world.aws))

    assert (steps[-1].moved, steps[-1].left, steps[-1].refused) == (2, 1, 1)
    assert steps[-1].why.endswith("InvalidMessageContents: why")
    assert sorted(message["Body"] for message in world.messages()) == ["a", "c"]
    assert len(left(world)) == 1


def test_behind_a_message_that_a_fifo_queue_does_not_take_its_group_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fifo = as_fifo(world)
    in_group(fifo, "a", "bad", "behind it")
    in_group(fifo, "b", "good")

    def answer(operation: str, parameters: Mapping[str, Any]) -> None:
        if operation == "SendMessageBatch" and "bad" in str(parameters["Entries"]):
            raise refusal("InvalidMessageContents")

    answered(monkeypatch, answer)
    steps = list(redrive.move(fifo.consumer, fifo.aws))

    assert (steps[-1].moved, steps[-1].refused) == (1, 2)
    assert steps[-1].why == "an earlier message of its group was rejected"
    assert [message["Body"] for message in fifo.messages()] == ["good"]


def test_who_may_not_send_finds_every_message_where_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(15):
        dead_letter(world, f"{number}")

    def answer(operation: str, _: Mapping[str, Any]) -> None:
        if operation == "SendMessageBatch":
            raise refusal("AccessDenied")

    answered(monkeypatch, answer)
    with pytest.raises(ClientError, match="AccessDenied"):
        list(redrive.move(world.consumer, world.aws))

    assert len(left(world)) == 15
    assert world.messages() == []


class Invocations:
    """Lambda, as far as functions without a queue are sent something."""

    def __init__(self) -> None:
        self.payloads: list[str] = []

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> None:  # noqa: N803
        assert (FunctionName, InvocationType) == ("orders-load", "Event")
        self.payloads.append(Payload.decode())


# Digits that Python's floats and its limit on whole numbers would change.
@pytest.mark.parametrize("payload", [record("in/a.json"), "1" * 5_000, '{"a" : 1e999, "b":1.10}'])
def test_a_function_without_a_queue_is_invoked_again_with_what_it_had(
    world: World, payload: str
) -> None:
    body = (
        f'{{"requestContext": {{"condition": "RetriesExhausted"}}, "requestPayload": {payload},'
        ' "responsePayload": {"errorType": "KeyError", "errorMessage": "\'id\'"}}'
    )
    consumer = replace(world.consumer, queue_url=None)
    world.aws.sqs.send_message(QueueUrl=str(consumer.dead_letter_queue_url), MessageBody=body)
    invocations = world.aws._made["lambda"] = Invocations()

    steps = list(redrive.move(consumer, world.aws))

    assert steps[-1] == redrive.Progress(moved=1)
    assert invocations.payloads == [payload]
    assert left(world) == []


def test_nothing_is_sent_back_unasked(world: World, run: Run) -> None:
    world.dead_letter("in/a.json", "FormatError", "line 3")

    told = run("redrive", "load", "--reason", "format")

    assert told.code == 2
    assert "use --yes" in told.errors
    assert world.messages() == []


def test_a_dry_run_only_counts(world: World, run: Run) -> None:
    world.dead_letter("in/a.json", "FormatError", "line 3")
    world.upload("in/a.json")

    told = run("redrive", "load", "--reason", "format", "--dry-run", "--json")
    assert json.loads(told.output) == {
        "consumer": "load",
        "matching": 1,
        "sent": 0,
        "refused": 0,
    }
    told = run("replay", "--prefix", "in/", "--dry-run")
    assert "would be sent: 1 to load." in told.output
    assert world.messages() == []


def test_what_has_the_reason_is_sent_back(world: World, run: Run) -> None:
    world.dead_letter("in/a.json", "FormatError", "line 3")
    world.dead_letter("in/b.json", "SchemaError", "no id")

    told = run("redrive", "load", "--reason", "FormatError", "--yes")

    assert told.code == 0
    assert "were sent back to load: 1." in told.output
    assert len(world.messages()) == 1


def test_what_is_not_taken_back_is_told(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("in/a.json", "in/b.json"):
        world.dead_letter(key, "FormatError", "line 3")
    send = BaseClient._make_api_call  # type: ignore[attr-defined]

    def refuse(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "SendMessageBatch" and "in/b.json" in str(parameters):
            raise ClientError(
                {"Error": {"Code": "InvalidMessageContents", "Message": "\x1b[2J"}}, operation
            )
        return send(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    told = run("redrive", "load", "--yes")

    assert told.code == 1
    assert "were sent back to load: 1." in told.output
    assert "stay in the dead-letter queue: 1. InvalidMessageContents: \\x1b[2J" in told.output
    assert len(world.messages()) == 1
    document = json.loads(run("redrive", "load", "--yes", "--json").output)
    assert document == {"consumer": "load", "matching": 1, "sent": 0, "refused": 1}
