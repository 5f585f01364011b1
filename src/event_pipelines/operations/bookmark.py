"""Store the progress of a replay in a file, so that the same command can continue it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from event_pipelines.operations.errors import WrongUseError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A file with the progress of a replay.

    Attributes
    ----------
    file
        The file, which exists until the replay is finished.
    selection
        The selection of the replay.
    """

    file: Path
    selection: DataclassInstance

    def read(self) -> tuple[str, int]:
        """Return the key to continue after and the number of messages sent; None for a new replay.

        Raises
        ------
        WrongUseError
            The file belongs to another replay, or has another form.
        """
        if not self.file.is_file():
            return "", 0
        try:
            kept = json.loads(self.file.read_text(encoding="utf-8"))
            selection, after, sent = kept["selection"], str(kept["after"]), int(kept["sent"])
        except (ValueError, TypeError, KeyError):
            raise WrongUseError(f"--resume {self.file}: this is not a replay's file") from None
        if selection != self._plain():
            raise WrongUseError(
                f"--resume {self.file}: the file is for another replay, {json.dumps(selection)}. "
                "Use the same options, or another file"
            )
        return after, sent

    def write(self, after: str, sent: int) -> None:
        """Store the progress; the file is replaced atomically."""
        document = {"selection": self._plain(), "after": after, "sent": sent}
        fresh = self.file.with_name(self.file.name + ".new")
        fresh.write_text(json.dumps(document), encoding="utf-8")
        fresh.replace(self.file)

    def remove(self) -> None:
        """Delete the file: the replay is finished."""
        self.file.unlink(missing_ok=True)

    def _plain(self) -> Any:
        return json.loads(json.dumps(asdict(self.selection), default=str))
