"""What a key or a message holds reaches a terminal as text that is seen, and programs as JSON."""

import io
import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Group
from rich.table import Table
from rich.text import Text

from event_pipelines.operations import terminal
from event_pipelines.operations.commands import failures as failing
from event_pipelines.operations.commands import status as watching
from event_pipelines.operations.commands import trace as tracing
from event_pipelines.operations.commands.failures import ReasonGroup
from event_pipelines.operations.commands.status import ConsumerStatus
from event_pipelines.operations.invocations import FailedInvocation, Invocations, Kind
from event_pipelines.operations.story import ConsumerStory, Step, Story, Verdict, Version

START = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = {
    "colour": "\x1b[31mred",
    "clipboard": "\x1b]52;c;cm0gLXJmIH4K\x07",
    "title": "\x1b]0;all is well\x1b\\",
    "link": "\x1b]8;;https://example.com\x1b\\here\x1b]8;;\x1b\\",
    "one-byte CSI": "\x9b2J",
    "return": "bad\rgood",
    "newlines": "a\nAll is well.\n",
    "line separator": "a\u2028b\x85c",
    "backspace": "bad\x08\x08\x08ok",
    "delete": "a\x7f",
    "direction": "\u202etxt.exe",
    "isolate": "\u2067a\u2069",
    "no width": "a\u200bb\ufeff",
    "tags": "a\U000e0041",
    "surrogate": "a\udc9b",
}
MARKUP = ["[link=https://example.com]here[/link]", "[red]a", "[/]", "a\\[b]", ":warning:", "[@a=b]"]


def printed(renderable: Any, *, colours: bool = False) -> str:
    """What a terminal is sent; without colours rich has no sequence of its own to send."""
    file = io.StringIO()
    terminal.Terminal(
        file=file,
        force_terminal=True,
        color_system="truecolor" if colours else None,
        width=200,
    ).print(renderable)
    return file.getvalue()


def is_printable(output: str) -> bool:
    """Whether it holds nothing but what is printable, and ends of lines."""
    return all(map(str.isprintable, output.split("\n")))


def failure(text: str) -> ReasonGroup:
    return ReasonGroup(
        consumer=text,
        kind=text,
        reason=text,
        count=1,
        first=START,
        last=START,
        times="sent",
        example=text,
        example_reason=text,
    )


def status(text: str) -> ConsumerStatus:
    return ConsumerStatus(
        consumer=text,
        waiting=1,
        in_flight=0,
        oldest_seconds=None,
        dead_letters=0,
        stuck_since=START,
        invocations=Invocations(
            since=START,
            failed=[FailedInvocation(at=START, kind=Kind.EXIT, error=text, request_id=text)],
        ),
        unnotified=text,
        mapping=text,
        breaker=text,
        ledger={text: 1},
        ledger_is_complete=True,
        unfinished_files=3,
        continued={text: text},
        alarms=[text],
    )


def story(text: str) -> Story:
    step = Step(at=START, what=text, version_id=text, attempt=1, detail=text, request_id=text)
    return Story(
        object=text,
        versions=[Version(version_id=text, etag=text, at=START, size=1)],
        consumers=[
            ConsumerStory(
                consumer=text,
                verdict=Verdict.DEAD_LETTERED,
                why=text,
                advice=text,
                steps=[step, step],
                ledger=None,
                output=text,
                output_exists=True,
            )
        ],
    )


def views(text: str) -> list[Any]:
    return [
        watching.view(text, [status(text)]),
        tracing.view(story(text)),
        failing.view([failure(text)]),
    ]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_view_hands_a_text_on_that_a_terminal_obeys(text: str) -> None:
    assert not text.isprintable()
    for view in views(text):
        output = printed(view)
        assert is_printable(output)
        assert terminal.visible(text) in output


@pytest.mark.parametrize("text", MARKUP)
def test_no_text_is_taken_for_markup(text: str) -> None:
    for view in views(text):
        assert text in printed(view)
        assert "\x1b]8;" not in printed(view, colours=True)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_console_lets_nothing_through_even_where_a_view_forgot(text: str) -> None:
    table = Table("")
    table.add_row(Text(text))

    assert is_printable(printed(Group(table, Text(text))))
    assert "\x1b]8;" not in printed("[link=https://example.com]here[/link]", colours=True)


def test_colours_stay() -> None:
    assert "\x1b[31m" in printed(Text("dead-lettered", style="red"), colours=True)


@pytest.mark.parametrize("text", [*HOSTILE.values(), *MARKUP])
def test_json_is_printable_and_means_the_same(text: str) -> None:
    encoded = terminal.encoded({"key": text, text: [text]})

    assert is_printable(encoded)
    assert json.loads(encoded) == {"key": text, text: [text]}


def test_json_for_a_terminal_of_another_encoding_is_ascii() -> None:
    encoded = terminal.encoded({"key": "漢字 🙂 \u202e\x7f"}, only_ascii=True)

    assert encoded.isascii()
    assert json.loads(encoded) == {"key": "漢字 🙂 \u202e\x7f"}


def test_json_keeps_what_can_be_read() -> None:
    assert "Überweisung 漢字 🙂" in terminal.encoded({"key": "Überweisung 漢字 🙂"})


@given(st.text(st.characters(exclude_categories=[])))
def test_whatever_the_text_it_is_seen(text: str) -> None:
    shown = terminal.visible(text)

    assert shown.isprintable()
    assert terminal.visible(shown) == shown
    assert json.loads(terminal.encoded(text)) == text


def test_lines_of_an_error_pass_for_no_other() -> None:
    assert terminal.paragraph("a\x1b[2J\nAll is well.") == "a\\x1b[2J\n    All is well."


@pytest.mark.parametrize(
    "text", [*HOSTILE.values(), *MARKUP, "it's", "a\\1\x01'7", "$(true) `true`", ""]
)
def test_a_shell_takes_what_is_quoted_for_the_text(text: str) -> None:
    quoted = terminal.quoted(text)
    said = subprocess.run(
        ["bash", "-c", f"printf %s {quoted}"], check=True, capture_output=True, env={}
    )

    assert quoted.isprintable()
    assert said.stdout == text.encode(errors="surrogatepass")
