"""Read a JSON document: the elements of a list one after the other, or the document itself."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from typing import TYPE_CHECKING, NoReturn

import msgspec
from msgspec import Raw

from record_formats.errors import RecordFormatError
from record_formats.faults import place
from record_formats.json_faults import explained, may_go_on, trailing
from record_formats.names import TOGETHER, are_distinct, check_names
from record_formats.positions import BEGIN, Batch
from record_formats.text import BLANKS, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from object_consumer.memory import Allowance
    from record_formats.positions import Position
    from record_formats.text import OpenFile

_BLANK = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
# What is between two records that are objects: up to the first name of the second one.
_SEPARATOR = re.compile(rb'[ \t\r\n]*+,[ \t\r\n]*+(?:\{[ \t\r\n]*+"[^"\\]{0,64}+"|[\[{"]|)')
# Separators tried from the end of a part; one inside of a value is not one.
_TRIES = 3
_SHOWN_CHARACTERS = 100

_values = msgspec.json.Decoder(Raw)
_arrays = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.encode


def read_document(
    open_file: OpenFile,
    member: str | None,
    start: Position,
    allowance: Allowance,
    *,
    checked: bool,
) -> Iterator[Batch]:
    """Read records from a position on; see `record_formats.read_batches`."""
    with open_file() as file:
        text = Text(file, BEGIN, allowance)
        skip_blanks(text)
        if member is not None:
            envelope = _Envelope(text, member, allowance)
        elif text.unread.startswith(b"["):
            envelope = None
        elif start != BEGIN:
            return
        else:
            yield _read_value(text, allowance, checked=checked)
            return
        if start == BEGIN:
            text.take(1)
            yield from _Elements(text, start, envelope, allowance, checked=checked).batches()
            return
    with open_file() as file:
        text = Text(file, start, allowance)
        yield from _Elements(text, start, envelope, allowance, checked=checked).batches()


def skip_blanks(text: Text) -> None:
    """Take white space; afterwards, nothing is unread only at the file's end."""
    while True:
        text.fill()
        if blanks := len(text.unread) - len(text.unread.lstrip(BLANKS)):
            text.take(blanks)
        if text.unread or text.is_complete:
            return


def _read_value(text: Text, allowance: Allowance, *, checked: bool) -> Batch:
    """Read a document that is one record, which needs to fit into memory."""
    text.fill(sys.maxsize)
    with explained(text.unread, text.error):
        record = _values.decode(text.unread)
        if not checked:
            check_names(text.unread, allowance, "record 1")
    size = len(text.take(len(text.unread)))
    return Batch([record], text.position(1), size)


class _Envelope:
    """The document around a list of records, which is a member of its object.

    Takes the text up to the list.
    """

    def __init__(self, text: Text, member: str, allowance: Allowance) -> None:
        self._allowance = allowance
        self._member = member
        self._head = text.position(0), text.take(self._find(text))

    def _find(self, text: Text) -> int:
        """Return where the list begins."""
        while (found := self._search(text.unread)) is None:
            if text.is_complete:
                with explained(text.unread, text.error):
                    _values.decode(text.unread)
                break
            text.grow()
        else:
            return found
        name = self._member[:_SHOWN_CHARACTERS]
        raise RecordFormatError(
            f"the document has no member {name!r} that is a list; RECORDS_MEMBER is {name!r}: "
            "choose the member with the records, or leave it out if the document is a list of them "
            "or one record"
        )

    def _search(self, data: bytes) -> int | None:
        """Return where the list begins in a document's beginning, or None."""
        view = memoryview(data)
        position = 0
        opening = b"{"
        while data.startswith(opening, position):
            position = _after_blanks(data, position + 1)
            name = _STRING.match(data, position)
            if name is None:
                return None
            position = _after_blanks(data, name.end())
            if not data.startswith(b":", position):
                return None
            position = _after_blanks(data, position + 1)
            if _decoded_name(name[0]) == self._member and data.startswith(b"[", position):
                return position
            try:
                _values.decode(view[position:])
            except msgspec.MsgspecError as fault:
                if (end := trailing(fault)) is None:
                    return None
                position += end
            opening = b","
        return None

    def check_tail(self, text: Text, *, checked: bool) -> None:
        """Check the rest of the document, from the end of the list on."""
        text.fill(sys.maxsize)
        begin, head = self._head
        document = head + b"[" + text.unread

        def error(index: int, reason: str) -> RecordFormatError:
            if index > len(head):
                return text.error(index - len(head) - 1, reason)
            found = place(head, index, line_number=begin.line, column=begin.column)
            return RecordFormatError(f"{found}: {reason}")

        with explained(document, error):
            _values.decode(document)
            if not checked:
                check_names(document, self._allowance, "the document around the records")
        text.take(len(text.unread))


class _Elements:
    """The elements of a list that are not taken yet."""

    def __init__(
        self,
        text: Text,
        start: Position,
        envelope: _Envelope | None,
        allowance: Allowance,
        *,
        checked: bool,
    ) -> None:
        self._text = text
        self._number = start.number
        self._envelope = envelope
        self._allowance = allowance
        self._is_checked = checked
        self._separator = b""

    def batches(self) -> Iterator[Batch]:
        """Yield the rest of the list, then check what follows it.

        The text begins with an element, or with the comma before one.
        """
        text = self._text
        skip_blanks(text)
        while not text.unread.startswith(b"]"):
            begin = 0
            if self._number:
                begin = 1
            found = self._find(begin)
            if found is None:
                text.grow()
                continue
            end, records = found
            if not self._is_checked:
                self._check_names(records)
            self._number += len(records)
            text.take(end)
            skip_blanks(text)
            yield Batch(records, text.position(self._number), end)
        self._end()

    def _end(self) -> None:
        text = self._text
        if self._envelope is not None:
            self._envelope.check_tail(text, checked=self._is_checked)
        elif text.unread:
            text.take(1)
            skip_blanks(text)
            if text.unread:
                raise text.error(0, "trailing characters")

    def _find(self, begin: int) -> tuple[int, list[Raw]] | None:
        """Return the end of an element, before a comma or the list's end, and all up to it.

        Decoding proves that it is one: anything else leaves a part that is no list.
        """
        data = self._text.unread
        end = len(data)
        for _ in range(_TRIES):
            if self._text.is_complete and self._envelope is None and end == len(data):
                end = data.rfind(b"]")
            elif self._separator:
                end = data.rfind(self._separator, begin, end)
                end += end >= 0
            else:
                break
            if end <= begin:
                break
            try:
                return end, _arrays.decode(b"[" + data[begin:end] + b"]")
            except (msgspec.MsgspecError, RecursionError):
                continue
        return self._scan(begin)

    def _scan(self, begin: int) -> tuple[int, list[Raw]] | None:
        """Find the last end of an element by decoding each."""
        data = self._text.unread
        view = memoryview(data)
        end, start = 0, begin
        while True:
            try:
                _values.decode(view[start:])
            except msgspec.MsgspecError as fault:
                follows = trailing(fault)
                if follows is None or data[start + follows] not in b",]":
                    if self._text.is_complete or not may_go_on(data, start, fault):
                        self._refuse(begin)
                    break
                end = start + follows
                start = end + 1
                if data[end] == ord("]"):
                    break
            except RecursionError:
                self._refuse(begin)
            else:
                if self._text.is_complete:
                    self._refuse(begin)
                break
        if not end:
            return None
        last = len(data[:end].rstrip(BLANKS))
        if found := _SEPARATOR.match(data, last):
            self._separator = data[last - 1 : last] + found[0]
        try:
            return end, _arrays.decode(b"[" + data[begin:end] + b"]")
        except RecursionError:
            self._refuse(begin)

    def _refuse(self, begin: int) -> NoReturn:
        """Raise the error of the elements that are not taken yet."""
        text = self._text

        def error(index: int, reason: str) -> RecordFormatError:
            return text.error(index - 1 + begin, reason)

        with explained(b"[" + text.unread[begin:], error):
            _arrays.decode(b"[" + text.unread[begin:])
        raise AssertionError  # what is no element is no part of a list

    def _check_names(self, records: Sequence[Raw]) -> None:
        with contextlib.suppress(RecursionError):  # a list of them is nested deeper than each alone
            compact = msgspec.json.format(_encode(records), indent=-1)
            if len(compact) <= TOGETHER and are_distinct(compact):
                return
        start = 0
        for number, record in enumerate(records, start=self._number + 1):
            text = bytes(record)
            start = self._text.unread.index(text, start)
            with explained(text, self._error_at(start)):
                check_names(text, self._allowance, f"record {number}")
            start += len(text)

    def _error_at(self, start: int) -> Callable[[int, str], RecordFormatError]:
        return lambda index, reason: self._text.error(start + index, reason)


def _after_blanks(data: bytes, position: int) -> int:
    found = _BLANK.match(data, position)
    return found.end() if found else position


def _decoded_name(text: bytes) -> str | None:
    try:
        return str(json.loads(text))
    except ValueError:
        return None
