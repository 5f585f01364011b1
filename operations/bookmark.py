"""How far a replay has come, in a file: the same command goes on from there after a break."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations.errors import WrongUseError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A file that says how far a replay has come, so that it can go on after a break.

    Attributes
    ----------
    file
        The file; it exists as long as the replay isn't finished.
    selection
        What is replayed.
    """

    file: Path
    selection: DataclassInstance

    def read(self) -> tuple[str, int]:
        """Give the key to go on behind and the messages sent so far; nothing for a new replay.

        Raises
        ------
        WrongUseError
            The file is of another replay, or no such file.
        """
        if not self.file.is_file():
            return "", 0
        try:
            kept = json.loads(self.file.read_text(encoding="utf-8"))
            selection, after, sent = kept["selection"], str(kept["after"]), int(kept["sent"])
        except (ValueError, TypeError, KeyError):
            raise WrongUseError(f"--resume {self.file}: that is no file of a replay") from None
        if selection != self._plain():
            raise WrongUseError(
                f"--resume {self.file}: that replay was another one, of {json.dumps(selection)}. "
                "Give the same options, or another file"
            )
        return after, sent

    def write(self, after: str, sent: int) -> None:
        """Keep how far it is; the file is replaced whole, so that it can be read at any moment."""
        document = {"selection": self._plain(), "after": after, "sent": sent}
        fresh = self.file.with_name(self.file.name + ".new")
        fresh.write_text(json.dumps(document), encoding="utf-8")
        fresh.replace(self.file)

    def remove(self) -> None:
        """Forget it: the replay is finished."""
        self.file.unlink(missing_ok=True)

    def _plain(self) -> Any:
        return json.loads(json.dumps(asdict(self.selection), default=str))
