"""Read JSON Lines: a value on each line, or several objects one after the other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from record_formats.json_faults import FAULTS, TRAILING, explained, may_go_on, trailing
from record_formats.names import TOGETHER, are_distinct, check_names
from record_formats.positions import Batch
from record_formats.sizes import SMALL
from record_formats.text import BLANKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from object_consumer.memory import Allowance
    from record_formats.errors import RecordFormatError
    from record_formats.positions import Position
    from record_formats.text import Text

# Copies of a line in memory: the original, without the line end, and as compact JSON.
_COPIES = 4
_BRACKETS = frozenset(b"{[")
# Where a value may end and the next one begin, on one line.
_BORDER = re.compile(rb"[}\]][ \t\r]*+(?=[{\[])")
# Borders tried from the end of a long line; one inside of a string is not one.
_TRIES = 4

_values = msgspec.json.Decoder(Raw)
_arrays = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.encode


def read_lines(
    text: Text, start: Position, allowance: Allowance, *, checked: bool
) -> Iterator[Batch]:
    """Read records from a position on; see `record_formats.read_batches`."""
    lines = _Lines(text, start, allowance, checked=checked)
    text.fill()
    while text.unread:
        if text.is_complete:
            end = len(text.unread)
        elif not (end := text.unread.rfind(b"\n") + 1) and not (end := lines.last_border()):
            text.grow()
            continue
        if batch := lines.batch(end):
            yield batch
        text.fill()


class _Lines:
    """The records of lines; a line may have been begun before."""

    def __init__(self, text: Text, start: Position, allowance: Allowance, *, checked: bool) -> None:
        self._text = text
        self._number = start.number
        self._allowance = allowance
        self._is_checked = checked

    def last_border(self) -> int:
        """Return an end of a value in a line that is longer than a part; 0 if there is none.

        Decoding proves it: a border inside of a value leaves a part that is no JSON.
        """
        data = self._text.unread
        tail = max(0, len(data) - SMALL)
        borders = [found.end() for found in _BORDER.finditer(data, tail)]
        for border in reversed(borders[-_TRIES:]):
            try:
                _values.decode_lines(data[:border])
            except FAULTS:
                continue
            return border
        end, start = 0, 0
        view = memoryview(data)
        while True:
            try:
                _values.decode(view[start:])
            except msgspec.MsgspecError as fault:
                if (next_start := trailing(fault)) is None:
                    self._check_may_go_on(data, start, fault)
                    return end
                start = end = start + next_start
                if data[start] not in _BRACKETS:
                    raise self._text.error(start, TRAILING) from None
            except RecursionError as fault:
                self._check_may_go_on(data, start, fault)
            else:
                return end

    def _check_may_go_on(self, data: bytes, start: int, fault: Exception) -> None:
        if not may_go_on(data, start, fault):
            with explained(data[start:], self._error_at(start)):
                raise fault

    def batch(self, end: int) -> Batch | None:
        """Take lines up to a position, and return their records."""
        part = self._text.unread[:end]
        if end > 2 * self._text.part:
            self._allowance.need(_COPIES * end, f"line {self._text.line}")
        raws = _one_on_each_line(part.removesuffix(b"\n"))
        if raws is None:
            raws = _one_on_each_line(b"\n".join(_stripped(part)))
        try:
            compact = b"[]" if raws is None else _compact(raws)
            if raws is None or not (
                self._is_checked or (len(compact) <= TOGETHER and are_distinct(compact))
            ):
                compact = _compact([raw for raws in self._each(part) for raw in raws])
        except RecursionError:
            compact = _compact([raw for raws in self._each(part, listed=True) for raw in raws])
        records = _arrays.decode(compact)
        self._text.take(end)
        self._number += len(records)
        if not records:
            return None
        return Batch(records, self._text.position(self._number), len(compact))

    def _each(self, part: bytes, *, listed: bool = False) -> Iterator[list[Raw]]:
        """Yield the values of each line that isn't blank; find the first error.

        With `listed`, also a value that is not nested too deeply by itself, but is in a list.
        """
        start = 0
        for number, line in enumerate(part.split(b"\n")):
            if body := line.strip(BLANKS):
                what = f"line {self._text.line + number}"
                if len(body) > SMALL:
                    self._allowance.need(_COPIES * len(body), what)
                with explained(line, self._error_at(start)):
                    raws = self._values_of(line, start)
                    if not self._is_checked:
                        for raw in raws:
                            check_names(bytes(raw), self._allowance, what)
                    if listed:
                        _compact(raws)
                yield raws
            start += len(line) + 1

    def _values_of(self, line: bytes, start: int) -> list[Raw]:
        body = line.rstrip(BLANKS)
        try:
            return [_values.decode(body)]
        except msgspec.MsgspecError as fault:
            second = trailing(fault)
            first = len(body) - len(body.lstrip(BLANKS))
            if second is None or {body[first], body[second]} - _BRACKETS:
                raise
        raws = _values.decode_lines(body)
        end = 0
        for raw in raws:
            begin = body.index(raw, end)
            if body[begin] not in _BRACKETS:
                raise self._text.error(start + begin, TRAILING)
            end = begin + memoryview(raw).nbytes
        return raws

    def _error_at(self, start: int) -> Callable[[int, str], RecordFormatError]:
        return lambda index, reason: self._text.error(start + index, reason)


def _one_on_each_line(body: bytes) -> list[Raw] | None:
    """Decode lines without blanks; None if not each has one value."""
    try:
        raws = _values.decode_lines(body)
    except FAULTS:
        return None
    # Then no value has a line end, and nothing else is between two values.
    is_one = body.count(b"\n") == max(0, len(raws) - 1) and b"\n".join(raws) == body
    return raws if is_one else None


def _stripped(part: bytes) -> Iterator[bytes]:
    return filter(None, (line.strip(BLANKS) for line in part.split(b"\n")))


def _compact(raws: list[Raw]) -> bytes:
    return msgspec.json.format(_encode(raws), indent=-1)
