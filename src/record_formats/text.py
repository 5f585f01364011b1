"""Read a file's text in parts: checked, with the position of what was not used yet."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from record_formats.errors import RecordFormatError
from record_formats.faults import characters, first_not_utf_8, place
from record_formats.positions import Position

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from object_consumer.memory import Allowance

    # Opens a file at its beginning.
    type OpenFile = Callable[[], AbstractContextManager[BinaryIO]]

# Bytes of text that are converted together: few enough for what a record may expand to, and enough
# to spread the cost of each step.
PART = 128 * 1024

# JSON's white space; Python's strip() also removes two characters that JSON rejects.
BLANKS = b" \t\r\n"

_UTF_8_MARK = b"\xef\xbb\xbf"
# UTF-32 comes first, because its byte order marks begin with those of UTF-16.
_NOT_TEXT = {
    b"\xff\xfe\0\0": "UTF-32; expected text in UTF-8",
    b"\0\0\xfe\xff": "UTF-32; expected text in UTF-8",
    b"\xff\xfe": "UTF-16; expected text in UTF-8",
    b"\xfe\xff": "UTF-16; expected text in UTF-8",
    b"\x1f\x8b": (
        "compressed with gzip; expected text. If the file was decompressed once, it was compressed "
        "twice: switch off one of the compressions, such as Data Firehose's for records from "
        "CloudWatch Logs, which are compressed already"
    ),
}
# The bytes of the longest character, and of the longest mark.
_LONGEST = 4
# A buffer over-allocates when it grows, by at most this part of its size.
_GROWTH = 8


class Text:
    """The text of a file, from a position on.

    Parameters
    ----------
    file
        The file, in UTF-8, with or without a byte order mark.
    start
        The position.
    allowance
        The available memory and time.

    Attributes
    ----------
    unread
        The text that was read but not taken yet, checked to be UTF-8 without NUL.
    is_complete
        Whether `unread` is everything that is left.
    part
        The bytes that are usually unread.
    """

    def __init__(self, file: BinaryIO, start: Position, allowance: Allowance) -> None:
        self.unread = b""
        self.is_complete = False
        self.part = PART
        self._file = file
        self._allowance = allowance
        self._offset, self._line, self._column = start.offset, start.line, start.column
        self._is_blank = self._is_new = start.offset == 0
        # The first bytes of a character whose others are not read yet.
        self._rest = b""
        if start.offset:
            file.seek(start.offset)

    @property
    def line(self) -> int:
        """The line in which `unread` begins."""
        return self._line

    def position(self, number: int) -> Position:
        """Return the position at which `unread` begins, behind so many records."""
        return Position(self._offset, self._line, number, self._column)

    def fill(self, size: int = 0) -> None:
        """Read until `unread` has so many bytes, at least the usual ones, or the file ends.

        Raises
        ------
        RecordFormatError
            The file is empty, is not UTF-8, or has a NUL byte.
        MemoryLimitError
            The text is longer than usual, and than memory allows.
        DeadlineError
            The time is over.
        """
        size = max(size, self.part)
        if self.is_complete or len(self.unread) >= size:
            return
        buffer = io.BytesIO()
        checked = buffer.write(self.unread)
        self.unread = b""
        while (wanted := size - checked) > 0:
            self._allowance.check()
            if checked > 2 * self.part:
                self._allowance.need(checked + checked // _GROWTH, self._described())
            part = self._read(min(self.part, wanted))
            checked += buffer.write(part)
            fault = self._fault(part)
            if fault:
                self.unread = buffer.getvalue()
                raise self.error(checked - len(part) + fault[0], fault[1])
            if self.is_complete:
                break
        self.unread = buffer.getvalue()
        if self.is_complete and self._is_blank:
            raise RecordFormatError("the file is empty")

    def grow(self) -> None:
        """Read twice as much as there is, so that reading it all takes time in proportion."""
        self.fill(2 * len(self.unread))

    def take(self, size: int, *, lines: int | None = None) -> bytes:
        """Take text from the beginning of `unread`.

        Parameters
        ----------
        size
            Bytes.
        lines
            The number of line ends in it, if others than line feeds count.
        """
        taken = self.unread[:size]
        self.unread = self.unread[size:]
        self._offset += size
        if lines is None:
            lines = taken.count(b"\n")
            last = taken.rfind(b"\n") + 1
            self._column = characters(taken, last, size) + (self._column if not last else 1)
        self._line += lines
        return taken

    def place(self, index: int) -> str:
        """Return a position in `unread` as line and column."""
        return place(self.unread, index, line_number=self._line, column=self._column)

    def error(
        self, index: int, reason: str, *, start: int = 0, line: int | None = None
    ) -> RecordFormatError:
        """Return an error at a position in `unread`, or about the whole file if it is blank.

        Parameters
        ----------
        index, reason
            The position, and what is wrong there.
        start, line
            An earlier position at which a line begins, and its number, if others than line feeds
            end lines.
        """
        if self._is_blank:
            while not self.is_complete and self._is_blank:
                self._allowance.check()
                self._fault(self._read(self.part))
            if self._is_blank:
                return RecordFormatError("the file is empty")
        found = self.place(index)
        if line is not None:
            found = place(self.unread[start:], index - start, line_number=line)
        return RecordFormatError(f"{found}: {reason}")

    def _described(self) -> str:
        return f"line {self._line}, column {self._column}: the record that begins here"

    def _read(self, size: int) -> bytes:
        """Read exactly so many bytes, less what doesn't make a character, unless the file ends."""
        parts = []
        size = max(size, _LONGEST)
        while size > 0 and (part := self._file.read(size)):
            parts.append(part)
            size -= len(part)
        self.is_complete = size > 0
        data = self._rest + b"".join(parts)
        if self._is_new and data:
            self._is_new = False
            data = self._begun(data)
        end = len(data) if self.is_complete or data.isascii() else _whole_characters(data)
        self._rest = data[end:]
        return data[:end]

    def _begun(self, data: bytes) -> bytes:
        for mark, name in _NOT_TEXT.items():
            if data.startswith(mark):
                raise RecordFormatError(f"the file is {name}")
        if data.startswith(_UTF_8_MARK):
            self._offset = len(_UTF_8_MARK)
        return data[self._offset :]

    def _fault(self, part: bytes) -> tuple[int, str] | None:
        self._is_blank = self._is_blank and (not part or part.isspace())
        if not part.isascii() and (position := first_not_utf_8(part)) is not None:
            return position, f"byte 0x{part[position]:02x} is not UTF-8"
        if (position := part.find(b"\0")) >= 0:
            return position, "a NUL byte; expected text in UTF-8"
        return None


def _whole_characters(data: bytes) -> int:
    """Return the length without the beginning of a character at the end."""
    for back in range(1, min(_LONGEST, len(data) + 1)):
        first = data[-back]
        if first < 0x80:  # noqa: PLR2004 - a character of one byte
            break
        if first >= 0xC0:  # noqa: PLR2004 - the first byte of others
            length = 2 + (first >= 0xE0) + (first >= 0xF0)  # noqa: PLR2004
            return len(data) - back if length > back else len(data)
    return len(data)
