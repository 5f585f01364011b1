"""Where a replay goes on after a break."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from event_pipelines.operations.bookmark import Bookmark
from event_pipelines.operations.commands.replay import Selection
from event_pipelines.operations.errors import WrongUseError
from tests.unit.operations.world import BUCKET


def selection(**fields: object) -> Selection:
    return replace(Selection(bucket=BUCKET, prefix="", consumers=("load",)), **fields)  # type: ignore[arg-type]


def test_a_bookmark_is_where_the_replay_goes_on(tmp_path: Path) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    bookmark = Bookmark(tmp_path / "replay.json", selection(since=since))

    assert bookmark.read() == ("", 0)
    bookmark.write("in/k", 17)
    assert Bookmark(bookmark.file, selection(since=since)).read() == ("in/k", 17)
    bookmark.remove()
    assert not bookmark.file.exists()


def test_a_bookmark_of_another_replay_is_refused(tmp_path: Path) -> None:
    Bookmark(tmp_path / "replay.json", selection(prefix="in/")).write("in/k", 1)
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")

    with pytest.raises(WrongUseError, match="the file is for another replay"):
        Bookmark(tmp_path / "replay.json", selection(prefix="out/")).read()
    with pytest.raises(WrongUseError, match="not a replay's file"):
        Bookmark(tmp_path / "other.json", selection()).read()
