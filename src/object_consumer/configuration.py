"""The configuration of a consumer's function, from the variables that the modules set."""

from __future__ import annotations

import msgspec

from object_consumer import settings
from object_consumer.filters import ObjectFilter, parse_filter

_MEBIBYTE = 1024 * 1024
_DEFAULT_MEMORY = 1024
_LEDGER_DAYS = 90
_MAX_INVOCATIONS = 100


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """One consumer's configuration; everything is optional, so unit tests need none.

    Attributes
    ----------
    queue_url
        The queue of the messages; needed to delay retries.
    dead_letter_queue_url
        The dead-letter queue; without it, messages are left to the queue's redrive policy.
    max_receive_count
        The queue's maxReceiveCount; without it, no receive counts as the last.
    retention_seconds
        The queue's retention period; without it, no message is considered about to expire.
    wanted
        The consumer's filter.
    pipeline, consumer
        Names for logs and metrics.
    ledger_table, ledger_days
        The processing ledger's table, and the days after which items expire; without a table, there
        is no ledger.
    max_invocations
        How many invocations one object may take, for functions that return `Continue`.
    metrics_namespace
        The CloudWatch namespace; without it no metrics are written.
    function_name
        The function's name.
    memory
        The function's memory in bytes.
    """

    queue_url: str | None = None
    dead_letter_queue_url: str | None = None
    max_receive_count: int | None = None
    retention_seconds: int | None = None
    wanted: ObjectFilter = msgspec.field(default_factory=ObjectFilter)
    pipeline: str = ""
    consumer: str = ""
    ledger_table: str | None = None
    ledger_days: int = _LEDGER_DAYS
    max_invocations: int = _MAX_INVOCATIONS
    metrics_namespace: str | None = None
    function_name: str = ""
    memory: int = _DEFAULT_MEMORY * _MEBIBYTE


def from_environment() -> Configuration:
    """Read the configuration.

    Raises
    ------
    SettingError
        A variable has an invalid value.
    """
    wanted = settings.text("OBJECT_FILTER", "")
    function_name = settings.text("AWS_LAMBDA_FUNCTION_NAME", "")
    return Configuration(
        queue_url=settings.text("QUEUE_URL", "") or None,
        dead_letter_queue_url=settings.text("DEAD_LETTER_QUEUE_URL", "") or None,
        max_receive_count=settings.integer("MAX_RECEIVE_COUNT", 0, minimum=0) or None,
        retention_seconds=settings.integer("MESSAGE_RETENTION_SECONDS", 0, minimum=0) or None,
        wanted=parse_filter("OBJECT_FILTER", wanted) if wanted else ObjectFilter(),
        pipeline=settings.text("PIPELINE", ""),
        consumer=settings.text("CONSUMER", function_name),
        ledger_table=settings.text("LEDGER_TABLE", "") or None,
        ledger_days=settings.integer("LEDGER_DAYS", _LEDGER_DAYS, minimum=1),
        max_invocations=settings.integer("MAX_INVOCATIONS", _MAX_INVOCATIONS, minimum=1),
        metrics_namespace=settings.text("METRICS_NAMESPACE", "") or None,
        function_name=function_name,
        memory=_MEBIBYTE
        * settings.integer("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", _DEFAULT_MEMORY, minimum=1),
    )
