"""Sending back what was set aside: all of a queue by SQS itself, or what has a given reason."""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from operations import dead_letters
from operations.aws import Aws
from operations.dead_letters import DeadLetter
from operations.delivery import send_back
from operations.discovery import Consumer
from operations.errors import OperationError, WrongUseError

_POLL_SECONDS = 0.5
_FIFO = ".fifo"


@dataclass(frozen=True, slots=True)
class Progress:
    """How many messages have moved, of about how many."""

    moved: int
    total: int


def matches(letter: DeadLetter, reason: str) -> bool:
    """Whether a message has a reason: its type, or a part of it, in any case of letters."""
    wanted = reason.casefold()
    return wanted in letter.reason.casefold() or wanted in letter.general_reason.casefold()


def move_all(
    consumer: Consumer, aws: Aws, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Progress]:
    """Let SQS move everything from a dead-letter queue to its consumer's queue.

    The runtime sends messages to the dead-letter queue, so SQS doesn't know where they came from:
    the task names the queue.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html

    Raises
    ------
    WrongUseError
        SQS can't do it for this consumer; `move` can.
    OperationError
        SQS gave up half way.
    """
    if not can_move_all(consumer):
        raise WrongUseError(f"SQS moves no messages for {consumer.name}")
    source = _arn(str(consumer.dead_letter_queue_url), aws)
    handle = aws.sqs.start_message_move_task(
        SourceArn=source, DestinationArn=_arn(str(consumer.queue_url), aws)
    )["TaskHandle"]
    while True:
        # A task that has ended is told without its handle; the newest comes first.
        task = aws.sqs.list_message_move_tasks(SourceArn=source)["Results"][0]
        moved = task.get("ApproximateNumberOfMessagesMoved", 0)
        yield Progress(moved, max(moved, task.get("ApproximateNumberOfMessagesToMove", 0)))
        match task.get("Status"):
            case "COMPLETED":
                return
            case "FAILED" | "CANCELLED" as status:
                reason = task.get("FailureReason") or f"task {handle} was {status.lower()}"
                raise OperationError(
                    f"SQS moved {moved} messages of {consumer.name} and stopped: {reason}"
                )
        sleep(_POLL_SECONDS)


def can_move_all(consumer: Consumer) -> bool:
    """Whether SQS can move a consumer's messages by itself: between queues, and no FIFO queues."""
    return consumer.queue_url is not None and not consumer.queue_url.endswith(_FIFO)


def move(consumer: Consumer, aws: Aws, *, reason: str, limit: int) -> Generator[Progress]:
    """Send back those messages that have a reason; each is deleted once it is sent.

    Whoever stops this in between finds no message lost, and one at most in both queues.
    """
    with dead_letters.held(consumer, aws, limit=limit) as letters:
        chosen = [letter for letter in letters if matches(letter, reason)]
        yield Progress(0, len(chosen))
        for moved, letter in enumerate(chosen, start=1):
            send_back(consumer, letter, aws)
            dead_letters.delete(consumer, letter, aws)
            yield Progress(moved, len(chosen))


def _arn(url: str, aws: Aws) -> str:
    told = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return told["Attributes"]["QueueArn"]
