"""A message of a dead-letter queue: the operator's tool shows it, whatever is in it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from hypothesis import strategies as st
from mypy_boto3_sqs.type_defs import MessageTypeDef

from event_pipelines.operations import dead_letters, story
from event_pipelines.operations.commands import failures
from event_pipelines.operations.commands.failures import ReasonGroup, group
from event_pipelines.operations.dead_letters import DeadLetter
from event_pipelines.operations.terminal import Terminal, encoded
from object_consumer import failed_invocations
from tests.fuzz import strategies
from tests.fuzz.metering import Bound
from tests.fuzz.target import Target, promise


@dataclass(frozen=True, slots=True)
class Result:
    """What the tool makes of a message.

    Attributes
    ----------
    letter, failure
        As read, and as grouped.
    printed, encoded
        What a terminal gets, and what a program gets.
    """

    letter: DeadLetter
    failure: ReasonGroup
    printed: str
    encoded: str


def work(data: bytes) -> Result | None:
    message = _message(data)
    if message is None:
        return None
    letter = dead_letters.read(message, "load")
    (failure,) = group([letter])
    dead_letters.matches(letter, "error")
    story.dead_lettered([letter])
    failed_invocations.read(letter.body)
    file = io.StringIO()
    terminal = Terminal(file=file, width=120, color_system=None, force_terminal=True)
    terminal.print(failures.view([failure]))
    return Result(letter, failure, file.getvalue(), encoded([failure]))


def judge(data: bytes, result: Result | None) -> None:
    if result is None:
        return
    letter, failure = result.letter, result.failure
    message = _message(data)
    promise(message and letter.body == message["Body"], "another body than the message's")
    promise(failure.count == 1 and failure.kind == letter.kind, f"grouped as {failure}")
    lines = [*result.printed.split("\n"), *result.encoded.split("\n")]
    promise(all(map(str.isprintable, lines)), "something is sent to the terminal")
    (told,) = json.loads(result.encoded)
    promise(told["example_reason"] == failure.example_reason, "a program gets another reason")


def _message(data: bytes) -> MessageTypeDef | None:
    """Make what boto3 gives of an input: names and types as SQS has them, hostile in its values."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    system: Any = {"SentTimestamp": "1767225600000"} | _texts(document.get("Attributes"))
    return {
        "MessageId": "00000000-0000-4000-8000-000000000000",
        "ReceiptHandle": "receipt",
        "Body": _text(document.get("Body")),
        "Attributes": system,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": text}
            for name, text in _texts(document.get("MessageAttributes")).items()
        },
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _texts(members: object) -> dict[str, str]:
    some = members if isinstance(members, dict) else {}
    return {name: _text(value) for name, value in some.items()}


_attributes = strategies.json_objects(
    st.sampled_from(["ErrorType", "ErrorMessage", "ErrorKind", "FunctionName", "Origin"]),
    strategies.text.map(strategies.quoted)
    | st.sampled_from(["'", '"', "s3://", "0", "a", "0.", "ab-"]).map(
        lambda part: json.dumps(part * 100)
    ),
    max_size=5,
)
_system = strategies.json_objects(
    st.sampled_from(["MessageGroupId", "DeadLetterQueueSourceArn", "SentTimestamp"]),
    strategies.text.map(strategies.quoted) | strategies.receive_counts,
    max_size=3,
)


def _letter(**fields: object) -> bytes:
    return json.dumps({"Body": strategies.notification("a.csv"), **fields}).encode()


def _nested(depth: int) -> bytes:
    return json.dumps({"Body": strategies.nested(depth, "[", "]")}).encode()


TARGET = Target(
    work=work,
    judge=judge,
    inputs=st.builds(
        lambda body, attributes, system: (
            f'{{"Body":{strategies.quoted(body)},"MessageAttributes":{attributes},"Attributes":{system}}}'
        ).encode(errors="surrogatepass"),
        strategies.messages(),
        _attributes,
        _system,
    ),
    example=json.dumps({"Body": strategies.notification("a.csv")}).encode(),
    known={f"a body nested {depth} deep": partial(_nested, depth) for depth in (9_992, 9_993)}
    | {
        "a time of 5,000 digits": lambda: _letter(Attributes={"SentTimestamp": "9" * 5_000}),
        "a reason of quotes": lambda: _letter(
            MessageAttributes={"ErrorMessage": "'" * 4_000 + '"' * 4_000}
        ),
        "escape sequences": lambda: _letter(
            MessageAttributes={
                "ErrorType": "\x1b]52;c;cm0gLXJmIH4K\x07",
                "ErrorMessage": "\x9b2J\r\n\u202e[link=https://example.com]here[/link]",
                "ErrorKind": "\ud800",
            }
        ),
    },
    # A terminal's table is made of a segment for each word, and of a style for each segment.
    bound=Bound(bytes_each=800, steps_each=80, bytes_free=2 * 1024 * 1024, steps_free=50_000),
    tokens=(b'"Body"', b'"MessageAttributes"', b'"ErrorType"', b'"ErrorMessage"', b"\\u001b[2J"),
)
