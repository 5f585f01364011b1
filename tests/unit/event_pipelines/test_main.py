"""`pipeline` where only the runtime is installed."""

import sys

import pytest

import event_pipelines
from event_pipelines.__main__ import main


def test_what_is_missing_is_named_with_the_extra_that_has_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "event_pipelines.cli", raising=False)
    monkeypatch.delattr(event_pipelines, "cli", raising=False)
    monkeypatch.setitem(sys.modules, "typer", None)

    with pytest.raises(SystemExit, match="2"):
        main()

    assert 'typer is missing: pip install "event-driven-pipelines[tool]"' in capsys.readouterr().err
