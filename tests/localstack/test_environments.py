"""The two environments are made when they have to be, and only then."""

from collections.abc import Callable
from pathlib import Path

import pytest

from event_pipelines.installation import InstallationError
from event_pipelines.localstack import environments

# Makes an environment's Python when asked for one, and notes every call.
UV = """#!/bin/sh
echo "$@" >> "{notes}"
test "$1" = "{fails}" && exit 2
if test "$1" = venv; then
    for folder; do :; done
    mkdir -p "$folder/bin" && touch "$folder/bin/python"
fi
exit 0
"""

Prepare = Callable[..., Callable[[], list[str]]]


@pytest.fixture
def prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """Set up two environments with a stand-in for uv; gives a function that tells its calls."""
    notes = tmp_path / "notes"
    locks = {}
    for name in ("localstack", "lambda-runtime"):
        lock = environments.HERE / "requirements.txt"
        locks[tmp_path / ".tools" / name] = lock
    monkeypatch.setattr(environments, "_LOCKS", locks)
    monkeypatch.setattr(environments, "LOCALSTACK", tmp_path / ".tools" / "localstack")
    monkeypatch.setattr(environments, "find_uv", lambda: str(tmp_path / "uv"))

    def write(*, fails: str = "") -> Callable[[], list[str]]:
        (tmp_path / "uv").write_text(UV.format(notes=notes, fails=fails), "utf-8")
        (tmp_path / "uv").chmod(0o755)

        def calls() -> list[str]:
            asked = notes.read_text("utf-8").splitlines() if notes.exists() else []
            notes.unlink(missing_ok=True)
            return [line.split()[0] for line in asked]

        return calls

    return write


def test_they_are_made_once(prepare: Prepare) -> None:
    calls = prepare()

    environments.set_up()
    assert calls() == ["venv", "pip", "venv", "pip"]

    environments.set_up()
    assert calls() == []


def test_one_is_made_again_when_its_lock_has_changed(prepare: Prepare) -> None:
    calls = prepare()
    environments.set_up()
    calls()

    (environments.LOCALSTACK / environments.STAMP).write_text("older", "utf-8")
    environments.set_up()

    assert calls() == ["venv", "pip"]


def test_one_is_made_again_when_its_python_is_gone(prepare: Prepare) -> None:
    calls = prepare()
    environments.set_up()
    calls()

    (environments.LOCALSTACK / "bin" / "python").unlink()
    environments.set_up()

    assert calls() == ["venv", "pip"]


def test_what_failed_is_said_and_tried_again_next_time(prepare: Prepare) -> None:
    prepare(fails="pip")
    with pytest.raises(environments.SetUpError, match="can't be installed"):
        environments.set_up()

    calls = prepare()
    calls()
    environments.set_up()

    assert calls() == ["venv", "pip", "venv", "pip"]


def test_no_uv_is_said_in_words(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare()

    def no_uv() -> str:
        raise InstallationError("uv is missing")

    monkeypatch.setattr(environments, "find_uv", no_uv)

    with pytest.raises(environments.SetUpError, match="uv is missing"):
        environments.set_up()


def test_another_python_is_refused(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare()
    monkeypatch.setattr(environments, "PYTHON_VERSION", (3, 99))

    with pytest.raises(environments.SetUpError, match=r"Python 3\.99 is needed"):
        environments.set_up()
