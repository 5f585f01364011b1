"""The output of the tool: text from keys and messages is escaped.

Anybody who may upload a file chooses its key, and anybody who may send a message chooses its text.
A terminal interprets escape sequences in them (to set the clipboard, the title, a link), and
directional marks reorder text. All non-printable characters are therefore escaped: in Python's form
for people, in JSON's form for programs.
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
    r"""Escape non-printable characters, as ``\x1b``, ``\n`` and ``\u202e``.

    The rule is that of `str.isprintable` and `repr`: control characters, directional marks, white
    space other than the space, unassigned characters and lone surrogates are not printable. A
    backslash is not escaped, so escaping a text twice doesn't change it.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def paragraph(text: str) -> str:
    """Escape a text of several lines; the lines after the first are indented."""
    return "\n    ".join(map(visible, text.split("\n")))


def visible_all[T](document: T) -> T:
    """Escape all texts of a document, in dataclasses, mappings and sequences of any depth."""
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
    """Encode a document as JSON with printable characters only; it decodes to the same document.

    Parameters
    ----------
    only_ascii
        Whether to escape all other characters.
    """
    plain = msgspec.to_builtins(document, enc_hook=str)
    text = json.dumps(plain, ensure_ascii=only_ascii, indent=2, allow_nan=False)
    # JSON has no other non-printable characters outside of its strings.
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
    """Format a time in UTC, in seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def quoted(text: str) -> str:
    """Quote a text for a shell, with non-printable characters as the escapes of ``$'...'``.

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
    # Three digits, because a digit may follow.
    return "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogatepass"))


class Terminal(Console):
    """A console that prints only printable characters.

    Rich's own escape sequences, for colours and redrawing, are not affected.
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
        """Print each text on a separate line, without interpreting markup."""
        for text in texts:
            self.print(Text(visible(text)))
