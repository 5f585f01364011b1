"""The common base of the binary files that are read from an object."""

from __future__ import annotations

import io
from typing import override


class SeekableFile(io.RawIOBase):
    """A readable file that counts its own position; subclasses define `seek` and `readinto`."""

    _position = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._position
