"""Every `pipeline` command in a README is one that the tool takes."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations import discovery
from operations.cli import app

ROOT = Path(__file__).resolve().parents[3]
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    """Give each command with the README it is in."""
    readmes = [ROOT / "README.md", *ROOT.glob("*/README.md"), *ROOT.glob("modules/*/README.md")]
    return [
        (str(readme.relative_to(ROOT)), line)
        for readme in readmes
        for block in _BLOCK.findall(readme.read_text(encoding="utf-8"))
        for line in block.splitlines()
        if line.startswith("pipeline ")
    ]


class ReachedError(Exception):
    """The command was understood: it looks for its pipeline."""


@pytest.mark.parametrize(("readme", "line"), commands())
def test_a_command_is_taken(monkeypatch: pytest.MonkeyPatch, readme: str, line: str) -> None:
    def look(*_: object) -> None:
        raise ReachedError

    for way in ("by_name", "by_outputs", "read_outputs", "ask_terraform"):
        monkeypatch.setattr(discovery, way, look)

    done = CliRunner().invoke(app, shlex.split(line, comments=True)[1:])

    assert isinstance(done.exception, ReachedError), done.output


def test_there_are_commands_to_check() -> None:
    assert len(commands()) > 10
