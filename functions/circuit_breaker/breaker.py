"""Decides when the circuit opens, when a trial runs, and when the circuit closes.

Each invocation takes one step, based on the record and on the alarm and mapping. If it is
interrupted, the next invocation continues from there. The breaker records a change of state before
it switches the mapping, and sets `settled` afterwards. It can thus distinguish a mapping that
somebody else has switched from one that it has not switched yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from circuit_state import CircuitState, Record, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from circuit_state import Records


# How long after the circuit closed the alarm may still react to earlier failures. AWS doesn't
# document the delay of metrics; three minutes are assumed, of which a cool-down of one has passed.
_LATE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Ringing:
    """An alarm in the state ALARM.

    Attributes
    ----------
    since
        When its state changed to ALARM, in milliseconds since 1970.
    memory_seconds
        How long it may stay in ALARM after the last failure: its evaluation range.
    """

    since: int
    memory_seconds: float


class Alarm(Protocol):
    """The alarm on the consumer's error rate."""

    def ringing(self) -> Ringing | None:
        """Return its state if it is in ALARM; otherwise None."""
        ...


class MappingBusyError(Exception):
    """Lambda is still applying an earlier change of the mapping."""


class Mapping(Protocol):
    """The consumer's event source mapping."""

    def is_enabled(self) -> bool:
        """Return whether it is enabled, or being enabled."""
        ...

    def switch(self, *, enabled: bool) -> None:
        """Enable or disable it; raises `MappingBusyError`."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a trial.

    Attributes
    ----------
    tried, failed
        Numbers of messages.
    reason
        The error of the first failure.
    """

    tried: int
    failed: int
    reason: str = ""

    def is_passed(self, error_rate_percent: float) -> bool:
        """Whether fewer fail than open the circuit; an empty queue doesn't keep it open."""
        return self.failed == 0 or 100 * self.failed < error_rate_percent * self.tried


class Trial(Protocol):
    """A few messages of the queue, with which the breaker itself invokes the function."""

    def run(self) -> Result:
        """Process them; failed ones are returned to the queue as new messages."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The breaker's timing and threshold.

    Attributes
    ----------
    cool_down_seconds
        The time from opening, or from a failed trial, to the next trial.
    trial_seconds
        The time after which a trial counts as lost.
    error_rate_percent
        The share of failures with which a trial fails; the same as the alarm's.
    """

    cool_down_seconds: float
    trial_seconds: float
    error_rate_percent: float


class Breaker:
    """The circuit breaker of one consumer.

    Parameters
    ----------
    name
        The pipeline and the consumer, for notifications.
    records, alarm, mapping, trial
        The record, and the AWS resources.
    settings
        The timing and threshold.
    tell
        Publishes a notification with a subject and a text.
    clock
        Seconds since 1970.
    """

    def __init__(
        self,
        name: str,
        *,
        records: Records,
        alarm: Alarm,
        mapping: Mapping,
        trial: Trial,
        settings: Settings,
        tell: Callable[[str, str], None],
        clock: Callable[[], float],
    ) -> None:
        self._name = name
        self._records = records
        self._alarm = alarm
        self._mapping = mapping
        self._trial = trial
        self._settings = settings
        self._tell = tell
        self._clock = clock

    def look(self) -> Record:
        """Take the next step, if any, and return the record.

        Raises
        ------
        RevisionError
            Somebody else changed the record at the same time; the next invocation sees the change.
        MappingBusyError
            The mapping could not be switched yet; the next invocation retries.
        """
        record = self._records.read()
        if record.revision == 0:
            # Operators can now see that there is a breaker, and record a pause for it.
            record = self._records.write(record)
        if record.paused:
            return record if record.settled else self._settle(record)
        if not record.settled:
            record = self._settle(record)
        if record.state is CircuitState.CLOSED:
            return self._look_at_alarm(record)
        if self._mapping.is_enabled():
            return self._accept(record)
        if self._now() >= record.retry_at:
            return self._try(record)
        return record

    def _look_at_alarm(self, record: Record) -> Record:
        ringing = self._alarm.ringing()
        if ringing is None or not self._is_news(ringing, record):
            return record
        # Somebody has stopped the consumer, so nothing fails.
        if not self._mapping.is_enabled():
            return record
        opened = self._change(
            record, CircuitState.OPEN, "its error rate is too high", settled=False
        )
        opened = self._settle(opened)
        self._tell(
            f"{self._name}: circuit open",
            f"Most files fail at {self._name}. It is stopped, and its files wait in the queue. "
            f"Every {self._settings.cool_down_seconds:.0f} s a few files are tried. When they "
            "succeed, it starts again automatically.",
        )
        return opened

    def _is_news(self, ringing: Ringing, record: Record) -> bool:
        """Return whether an alarm is due to failures after the circuit closed.

        The alarm evaluates several minutes, so it stays in ALARM after the circuit has closed, and
        a failed trial may trigger it late. If it stays in ALARM for longer than its evaluation
        range, there are new failures: its state doesn't change in between.
        """
        if not record.changed_at:
            return True
        heard_after = (ringing.since - record.changed_at) / 1000
        closed_for = (self._now() - record.changed_at) / 1000
        return heard_after > _LATE_SECONDS or closed_for > ringing.memory_seconds + _LATE_SECONDS

    def _accept(self, record: Record) -> Record:
        """Record that somebody has enabled the mapping: `terraform apply`, or an operator."""
        return self._change(record, CircuitState.CLOSED, "its mapping was enabled by somebody else")

    def _try(self, record: Record) -> Record:
        trying = self._change(record, CircuitState.HALF_OPEN, "a few messages are tried")
        result = self._trial.run()
        if not result.is_passed(self._settings.error_rate_percent):
            reason = f"{result.failed} of {result.tried} messages failed: {result.reason}"
            return self._change(trying, CircuitState.OPEN, reason)
        reason = f"{result.tried - result.failed} of {result.tried} messages succeeded"
        closed = self._settle(self._change(trying, CircuitState.CLOSED, reason, settled=False))
        self._tell(f"{self._name}: circuit closed", f"{self._name} is started again: {reason}.")
        return closed

    def _change(
        self, record: Record, state: CircuitState, reason: str, *, settled: bool = True
    ) -> Record:
        now = self._now()
        wait = {
            CircuitState.CLOSED: 0.0,
            CircuitState.OPEN: self._settings.cool_down_seconds,
            CircuitState.HALF_OPEN: self._settings.trial_seconds,
        }[state]
        return self._records.write(
            replace(
                record,
                state=state,
                settled=settled,
                reason=reason,
                changed_at=now,
                retry_at=now + int(wait * 1000),
            )
        )

    def _settle(self, record: Record) -> Record:
        """Switch the mapping to the state in the record.

        If an operator pauses the consumer between the two steps, the mapping is enabled
        nevertheless. The pause is not settled then, so the next invocation disables the mapping.
        """
        self._mapping.switch(enabled=record.state is CircuitState.CLOSED and not record.paused)
        return self._records.write(replace(record, settled=True))

    def _now(self) -> int:
        return milliseconds(self._clock)
