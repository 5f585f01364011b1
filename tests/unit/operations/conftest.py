"""What the tests of the tool share."""

from collections.abc import Iterator

import pytest

from tests.unit.operations.world import World, make_world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Make the consumer `load` of the pipeline `orders`."""
    with make_world(monkeypatch) as made:
        yield made
