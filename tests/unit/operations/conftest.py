"""What the tests of the tool share."""

import sys
from collections.abc import Iterator

import pytest

from event_pipelines import cli
from event_pipelines.operations import discovery
from tests.unit.operations.command_line import Answer, Run
from tests.unit.operations.mapping import Mapping
from tests.unit.operations.world import World, make_world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Make the consumer `load` of the pipeline `orders`."""
    with make_world(monkeypatch) as made:
        yield made


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on the pipeline `orders`, where nobody can be asked."""
    monkeypatch.setattr(discovery, "by_name", lambda _name, _aws: world.pipeline)

    def run(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["pipeline", "--name", "orders", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Answer(code, printed.out, printed.err)

    return run


@pytest.fixture
def mapping(world: World) -> Mapping:
    """The consumer's mapping, in place of Lambda."""
    made = Mapping()
    world.aws._made["lambda"] = made
    return made
