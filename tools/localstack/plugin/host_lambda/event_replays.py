"""Replays of S3's events: LocalStack keeps their times as text and then expects a time.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
"""

import importlib
from datetime import datetime
from typing import Any

from localstack.runtime import hooks


@hooks.on_infra_start()
def read_times_of_archived_events() -> None:
    """Read the time of an archived event, whichever form it has."""
    # Imported here, as LocalStack starts in silence without a hook that can't be imported.
    service: Any = importlib.import_module("localstack.services.events.archive").ArchiveService
    replay: Any = importlib.import_module("localstack.services.events.replay")
    normalize, re_format = service._normalize_datetime, replay.re_format_event

    service._normalize_datetime = lambda self, moment: normalize(self, _time(moment))
    replay.re_format_event = lambda event, bus: re_format(
        {**event, "time": _time(event["time"])}, bus
    )


def _time(moment: datetime | str) -> datetime:
    return datetime.fromisoformat(moment) if isinstance(moment, str) else moment
