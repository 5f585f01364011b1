"""Set-up: which Python a checkout uses."""

from pathlib import Path

import pytest

from tools import setup


def make_python(folder: Path, answer: str, code: int = 0) -> Path:
    """Make a program that answers the question which Python it is."""
    folder.mkdir(parents=True)
    program = folder / ("python3.13" if folder.name == "shims" else "python")
    program.write_text(f"#!/bin/sh\necho '{answer}'\nexit {code}\n")
    program.chmod(0o755)
    return program


def test_a_pyenv_python_is_found_behind_a_shim_that_is_not_activated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = make_python(tmp_path / "shims", "pyenv: python3.13: command not found", code=127)
    installed = make_python(tmp_path / "pyenv" / "versions" / "3.13.0" / "bin", "cpython 3.13")
    monkeypatch.setenv("PATH", f"{shim.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))

    assert setup.find_python() == str(installed)
