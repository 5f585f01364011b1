"""All that the tool prints: what a key or a message holds is shown, never obeyed.

Whoever may write a file chooses its key, and whoever may send a message its text. A terminal takes
escape sequences in them for commands (to set the clipboard, the title, a link that leads
elsewhere), and marks of writing direction reorder what is read. So nothing that isn't printable
leaves the tool as it is: people see it as Python's escapes, programs as those of JSON.
"""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import msgspec
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text


def visible(text: str) -> str:
    r"""Write what isn't printable as escapes, such as ``\x1b``, ``\n`` and ``\u202e``.

    What is printable is `str.isprintable`'s rule, which `repr` follows: control characters, marks
    of direction, blanks other than the space, unassigned characters and lone surrogates are not. A
    backslash stays as it is, so a text that is visible already doesn't change.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def paragraph(text: str) -> str:
    """Write a text of several lines; those after the first are indented, to pass for no other's."""
    return "\n    ".join(map(visible, text.split("\n")))


def visible_all[T](document: T) -> T:
    """Make all texts of a document visible, in dataclasses, mappings and sequences of any depth."""
    return _visible(document)  # type: ignore[no-any-return]


def _visible(value: Any) -> Any:
    match value:
        case Enum():
            return value
        case str():
            return visible(value)
        case Mapping():
            return {_visible(name): _visible(some) for name, some in value.items()}
        case Sequence():
            return [_visible(some) for some in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            parts = {part.name: _visible(getattr(value, part.name)) for part in fields(value)}
            return replace(value, **parts)
        case _:
            return value


def encoded(document: object, *, only_ascii: bool = False) -> str:
    """Encode a document as JSON whose text is printable; decoded it is the document as it was.

    Parameters
    ----------
    only_ascii
        Whether any other character is written as an escape.
    """
    plain = msgspec.to_builtins(document, enc_hook=str)
    text = json.dumps(plain, ensure_ascii=only_ascii, indent=2, allow_nan=False)
    # Outside of its strings JSON has no other character that isn't printable.
    return "\n".join(
        line
        if line.isprintable()
        else "".join(
            character if character.isprintable() else json.dumps(character)[1:-1]
            for character in line
        )
        for line in text.split("\n")
    )


def utc(moment: datetime) -> str:
    """Write a time in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def quoted(text: str) -> str:
    """Quote a text for a shell; what isn't printable as the escapes of ``$'...'``, byte by byte.

    https://www.gnu.org/software/bash/manual/html_node/ANSI_002dC-Quoting.html
    """
    if text.isprintable():
        return shlex.quote(text)
    escaped = "".join(
        character if character.isprintable() else _bytes(character)
        for character in text.replace("\\", "\\\\").replace("'", "\\'")
    )
    return f"$'{escaped}'"


def _bytes(character: str) -> str:
    # Three digits, as what follows may be a digit too.
    return "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogatepass"))


class Terminal(Console):
    """A console that writes no text but what is printable, whatever it is given to show.

    Rich's own sequences, for colours and for what is drawn anew, are no text and stay.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render, see `rich.console.Console`."""
        for text, style, control in super().render(renderable, options):
            if control:
                yield Segment(text, style, control)
            else:
                shown = "\n".join(map(visible, text.split("\n")))
                yield Segment(shown, style.update_link(None) if style else None)

    def lines(self, texts: Iterable[str]) -> None:
        """Print each text on a line of its own: what looks like markup is none."""
        for text in texts:
            self.print(Text(visible(text)))
