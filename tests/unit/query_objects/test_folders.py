"""Folders in the ephemeral storage: private, and gone after use."""

import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from query_objects.folders import private_folder, remove_abandoned


@pytest.fixture(autouse=True)
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_private_and_removed_also_after_an_error(storage: Path) -> None:
    def fail_in_it() -> None:
        with private_folder() as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            (folder / "file").write_bytes(b"x")
            raise KeyError

    with pytest.raises(KeyError):
        fail_in_it()
    assert list(storage.iterdir()) == []


def test_what_a_killed_function_left_behind_is_removed_and_what_is_in_use_is_not(
    storage: Path,
) -> None:
    with private_folder() as used:
        left = storage / f"{used.name}-left"
        shutil.copytree(used, left)
        other = storage / "other"
        other.mkdir()

        remove_abandoned()

        assert used.is_dir()
        assert other.is_dir()
        assert not left.exists()
