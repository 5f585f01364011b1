"""Every `pipeline` command in a README or in docs/ is one that the tool takes."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from event_pipelines.cli import app
from event_pipelines.development import new
from event_pipelines.operations import discovery

ROOT = Path(__file__).resolve().parents[3]
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    """Return each command with the page it is in."""
    patterns = ("README.md", "*/README.md", "modules/*/README.md", "docs/*.md")
    pages = [page for pattern in patterns for page in sorted(ROOT.glob(pattern))]
    return [
        (str(page.relative_to(ROOT)), line)
        for page in pages
        for block in _BLOCK.findall(page.read_text(encoding="utf-8"))
        for line in block.splitlines()
        if line.startswith("pipeline ")
    ]


class ReachedError(Exception):
    """The command was understood: it looks for its pipeline."""


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_is_taken(monkeypatch: pytest.MonkeyPatch, page: str, line: str) -> None:
    def look(*_: object) -> None:
        raise ReachedError

    monkeypatch.setattr(new, "installed_from", look)
    for way in ("by_name", "by_outputs", "read_outputs", "ask_terraform"):
        monkeypatch.setattr(discovery, way, look)

    done = CliRunner().invoke(app, shlex.split(line, comments=True)[1:])

    assert isinstance(done.exception, ReachedError), done.output


def test_there_are_commands_to_check() -> None:
    assert {page for page, _ in commands()} >= {"docs/runbook.md", "docs/first-apply.md"}
