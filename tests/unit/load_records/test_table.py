"""Writing to a table: how items are batched, and what each answer leads to."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from load_records.table import (
    IN_FLIGHT,
    MAX_BYTES,
    Answer,
    Patience,
    Send,
    Table,
    UnansweredError,
    batches,
)
from object_consumer import DeadlineError, PermanentError, RetryableError

WRITTEN = Answer(200, b'{"UnprocessedItems": {}}')
HASTE = Patience(seconds=5, base=0.001, cap=0.001)
LITTLE_PATIENCE = Patience(seconds=0.02, base=0.001, cap=0.001)


def put(name: str) -> bytes:
    return json.dumps({"PutRequest": {"Item": {"id": {"S": name}}}}).encode()


PUTS = [put(str(number)) for number in range(60)]


def names(body: bytes) -> list[str]:
    (puts,) = json.loads(body)["RequestItems"].values()
    return [each["PutRequest"]["Item"]["id"]["S"] for each in puts]


def failure(kind: str, message: str = "why", status: int = 400) -> Answer:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{kind}", "message": message}
    return Answer(status, json.dumps(body).encode())


def write(send: Send, puts: list[bytes] = PUTS, check: Callable[[], None] = lambda: None) -> int:
    return Table("orders", send, patience=HASTE).start(puts, check).finish()


class FakeDynamoDB:
    """Keeps what is put; gives these answers first, an exception by raising it."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[list[str]] = []

    def __call__(self, body: bytes) -> Answer:
        self.requests.append(names(body))
        answer = self.answers.pop(0) if self.answers else WRITTEN
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_all_items_are_written_25_in_a_request() -> None:
    dynamodb = FakeDynamoDB()

    assert write(dynamodb) == 3
    assert sorted(map(len, dynamodb.requests)) == [10, 25, 25]
    assert {name for request in dynamodb.requests for name in request} == set(map(str, range(60)))


def test_nothing_is_sent_for_no_items() -> None:
    dynamodb = FakeDynamoDB()

    assert write(dynamodb, []) == 0
    assert not dynamodb.requests


def test_large_items_make_smaller_requests() -> None:
    large = b"x" * (MAX_BYTES // 3)

    assert [len(batch) for batch in batches([large] * 7)] == [2, 2, 2, 1]
    assert [len(batch) for batch in batches([b"x" * MAX_BYTES * 2] * 2)] == [1, 1]


def test_unprocessed_items_are_sent_again_and_only_they() -> None:
    left = {"UnprocessedItems": {"orders": [json.loads(put("1")), json.loads(put("3"))]}}
    dynamodb = FakeDynamoDB(Answer(200, json.dumps(left).encode()))

    assert write(dynamodb, PUTS[:4]) == 2
    assert dynamodb.requests == [["0", "1", "2", "3"], ["1", "3"]]


@pytest.mark.parametrize(
    "passing",
    [
        failure("ThrottlingException"),
        failure("ProvisionedThroughputExceededException"),
        failure("InternalServerError", status=500),
        Answer(503, b"<html>busy</html>"),
        Answer(200, b"<html>captive portal</html>"),
        UnansweredError("connection reset"),
    ],
)
def test_what_passes_is_tried_again(passing: Answer | Exception) -> None:
    dynamodb = FakeDynamoDB(passing, passing)

    assert write(dynamodb, PUTS[:2]) == 3
    assert dynamodb.requests == [["0", "1"]] * 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (failure("ThrottlingException", "slow down"), "ThrottlingException: slow down"),
        (Answer(503, b""), "HTTP status 503"),
        (UnansweredError("connection reset"), "connection reset"),
        (
            Answer(200, b'{"UnprocessedItems": {"orders": [' + put("0") + b"]}}"),
            "the table is throttled",
        ),
    ],
)
def test_what_does_not_pass_soon_is_left_to_a_later_delivery(
    answer: Answer | Exception, reason: str
) -> None:
    dynamodb = FakeDynamoDB(*[answer] * 1000)

    with pytest.raises(RetryableError, match="writing to table 'orders' failed") as caught:
        Table("orders", dynamodb, patience=LITTLE_PATIENCE).start(PUTS[:1], lambda: None).finish()

    assert reason in str(caught.value)
    assert len(dynamodb.requests) > 1


def test_as_long_as_some_items_get_through_it_goes_on() -> None:
    patience = Patience(seconds=0.1, base=0.001, cap=0.001)
    began = time.monotonic()

    def send(body: bytes) -> Answer:
        time.sleep(0.005)
        left = json.loads(body)["RequestItems"]["orders"][1:]
        return Answer(200, json.dumps({"UnprocessedItems": {"orders": left}}).encode())

    assert Table("orders", send, patience=patience).start(PUTS[:25], lambda: None).finish() == 25
    assert time.monotonic() - began > patience.seconds


@pytest.mark.parametrize(
    "answer",
    [
        failure("ResourceNotFoundException"),
        failure("AccessDeniedException"),
        failure("ExpiredTokenException"),
        failure("ValidationException", "The provided key element does not match the schema"),
        failure(
            "ValidationException", "One or more parameter values were invalid: Missing the key"
        ),
        Answer(403, b"forbidden"),
        Answer(400, b'{"__type": "UnrecognizedClientException", "Message": "token"}'),
    ],
)
def test_what_somebody_has_to_mend_is_retried_later_and_not_at_once(answer: Answer) -> None:
    dynamodb = FakeDynamoDB(answer)

    with pytest.raises(RetryableError, match="table 'orders'"):
        write(dynamodb, PUTS[:1])

    assert len(dynamodb.requests) == 1


def test_an_item_that_dynamodb_refuses_is_a_permanent_error() -> None:
    message = "One or more parameter values were invalid: Type mismatch for Index Key total"

    with pytest.raises(PermanentError, match="Type mismatch for Index Key total"):
        write(FakeDynamoDB(failure("ValidationException", message)), PUTS[:1])


def test_after_a_failure_no_more_requests_begin() -> None:
    dynamodb = FakeDynamoDB(*[failure("AccessDeniedException")] * 1000)

    with pytest.raises(RetryableError):
        write(dynamodb, [put(str(number)) for number in range(25 * 200)])

    assert len(dynamodb.requests) <= IN_FLIGHT


def test_an_object_that_is_given_up_is_not_written_any_further() -> None:
    dynamodb = FakeDynamoDB()

    def check() -> None:
        if dynamodb.requests:
            raise DeadlineError("the invocation is over")

    with pytest.raises(DeadlineError):
        write(dynamodb, [put(str(number)) for number in range(25 * 200)], check)

    assert len(dynamodb.requests) <= IN_FLIGHT


def test_requests_are_in_flight_together_but_not_more_than_allowed() -> None:
    lock, together = threading.Lock(), threading.Barrier(IN_FLIGHT, timeout=5)
    now = most = 0

    def send(_body: bytes) -> Answer:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait()
        with lock:
            now -= 1
        return WRITTEN

    write(send, [put(str(number)) for number in range(25 * 2 * IN_FLIGHT)])

    assert most == IN_FLIGHT


def test_delays_grow_up_to_a_limit() -> None:
    patience = Patience(base=1, cap=4)

    assert all(0 <= patience.delay(1) <= 1 for _ in range(20))
    assert max(patience.delay(1000) for _ in range(50)) <= 4
    assert max(patience.delay(3) for _ in range(200)) > 1


def test_the_body_is_what_dynamodb_takes() -> None:
    bodies: list[Any] = []

    def send(body: bytes) -> Answer:
        bodies.append(json.loads(body))
        return WRITTEN

    write(send, [put("a"), put("b")])

    assert bodies == [
        {
            "RequestItems": {
                "orders": [
                    {"PutRequest": {"Item": {"id": {"S": "a"}}}},
                    {"PutRequest": {"Item": {"id": {"S": "b"}}}},
                ]
            }
        }
    ]
