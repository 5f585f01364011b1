"""Replays of S3 events: LocalStack stores their times as text and then expects a datetime.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
"""

import importlib
from datetime import datetime
from typing import Any

from localstack.runtime import hooks


@hooks.on_infra_start()
def read_times_of_archived_events() -> None:
    """Parse the time of an archived event in either form."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    service: Any = importlib.import_module("localstack.services.events.archive").ArchiveService
    replay: Any = importlib.import_module("localstack.services.events.replay")
    normalize, re_format = service._normalize_datetime, replay.re_format_event

    service._normalize_datetime = lambda self, moment: normalize(self, _time(moment))
    replay.re_format_event = lambda event, bus: re_format(
        {**event, "time": _time(event["time"])}, bus
    )


def _time(moment: datetime | str) -> datetime:
    return datetime.fromisoformat(moment) if isinstance(moment, str) else moment
