"""An event source mapping in place of Lambda's, and the commands that turn it."""

from dataclasses import dataclass, field, replace
from typing import Any

from botocore.exceptions import ClientError

from event_pipelines.operations.commands import pause as pausing
from event_pipelines.operations.commands import resume as resuming
from event_pipelines.operations.switch import Switched
from tests.unit.operations.world import World


@dataclass
class Mapping:
    """An event source mapping that takes two looks to change."""

    state: str = "Enabled"
    busy: int = 0
    requests: list[bool] = field(default_factory=list)
    _wanted: str = "Enabled"
    _looks: int = 0

    def get_event_source_mapping(self, **_: str) -> dict[str, str]:
        self._looks += 1
        if self.state.endswith("ing") and self._looks >= 2:
            self.state = self._wanted
        return {"State": self.state}

    def update_event_source_mapping(self, *, Enabled: bool, **_: str) -> None:  # noqa: N803
        if self.busy:
            self.busy -= 1
            code: Any = {"Error": {"Code": "ResourceInUseException", "Message": "in use"}}
            raise ClientError(code, "UpdateEventSourceMapping")
        self.requests.append(Enabled)
        self._wanted, self._looks = ("Enabled" if Enabled else "Disabled"), 0
        self.state = "Enabling" if Enabled else "Disabling"


def guarded(world: World) -> World:
    """Give the consumer its mapping."""
    return World(world.aws, replace(world.consumer, mapping="mapping"))


def pause(world: World) -> Switched:
    return pausing.pause(world.pipeline, world.consumer, world.aws, sleep=lambda _: None)


def resume(world: World) -> Switched:
    return resuming.resume(world.consumer, world.aws, sleep=lambda _: None)
