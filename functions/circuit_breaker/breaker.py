"""When the circuit opens, when it is tried and when it closes.

Each look takes one step, from what is on record and how the world is; it can be interrupted
anywhere, and the next look goes on from there. A change of state is on record before the mapping
is switched, and `settled` after: so a mapping that was switched by somebody else can be told from
one that the breaker has not come to yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from circuit_state import CircuitState, Record, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from circuit_state import Records


# How long after a closing the alarm may still hear of the last failure before it. AWS has no figure
# for how late metrics come: taken to be three minutes, of which a cool-down of one has passed.
_LATE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Ringing:
    """The state of an alarm that rings.

    Attributes
    ----------
    since
        When its state changed to ALARM, in milliseconds since 1970.
    memory_seconds
        How long it may ring after the last failure: the length of what it evaluates.
    """

    since: int
    memory_seconds: float


class Alarm(Protocol):
    """The alarm on the consumer's rate of errors."""

    def ringing(self) -> Ringing | None:
        """Give its state if it rings; None if it doesn't."""
        ...


class MappingBusyError(Exception):
    """Lambda is still at work on an earlier change of the mapping."""


class Mapping(Protocol):
    """The consumer's event source mapping."""

    def is_enabled(self) -> bool:
        """Whether it is enabled, or about to be."""
        ...

    def switch(self, *, enabled: bool) -> None:
        """Enable or disable it; raises `MappingBusyError`."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """How a trial went.

    Attributes
    ----------
    tried, failed
        Messages.
    reason
        What the first failure said.
    """

    tried: int
    failed: int
    reason: str = ""

    def is_passed(self, error_rate_percent: float) -> bool:
        """Whether fewer fail than open the circuit; nothing waiting is no reason to stay open."""
        return self.failed == 0 or 100 * self.failed < error_rate_percent * self.tried


class Trial(Protocol):
    """A few messages of the queue, handed to the function by the breaker itself."""

    def run(self) -> Result:
        """Try them; those that fail are put back as new messages."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How patient the breaker is.

    Attributes
    ----------
    cool_down_seconds
        From opening, or a failed trial, to the next trial.
    trial_seconds
        After which a trial counts as lost.
    error_rate_percent
        The share of failures from which a trial is failed; that of the alarm.
    """

    cool_down_seconds: float
    trial_seconds: float
    error_rate_percent: float


class Breaker:
    """The circuit breaker of one consumer.

    Parameters
    ----------
    name
        The pipeline and the consumer, for those who are told.
    records, alarm, mapping, trial
        The world.
    settings
        How patient it is.
    tell
        Tells people: a subject and a text.
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
        """Take the step that is due, if any, and return the record.

        Raises
        ------
        RevisionError
            Somebody else acted at the same moment; the next look finds what they did.
        MappingBusyError
            The mapping could not be switched yet; the next look tries again.
        """
        record = self._records.read()
        if record.revision == 0:
            # From now on operators see that there is a breaker, and can tell it of a pause.
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
        # Somebody has stopped the consumer, and nothing fails while it is stopped.
        if not self._mapping.is_enabled():
            return record
        opened = self._change(
            record, CircuitState.OPEN, "its rate of errors is too high", settled=False
        )
        opened = self._settle(opened)
        self._tell(
            f"{self._name}: circuit open",
            f"Most files fail at {self._name}, so it is stopped, and its files wait in the queue. "
            f"In {self._settings.cool_down_seconds:.0f} s a few of them are tried, and again until "
            "they succeed; then it goes on by itself.",
        )
        return opened

    def _is_news(self, ringing: Ringing, record: Record) -> bool:
        """Whether an alarm rings for failures from after the circuit closed.

        The alarm looks at several minutes, so it rings on when the circuit has closed again, and a
        failed trial may set it off late. When it rings longer than it can remember, it rings for
        what has failed since: its state doesn't change in between.
        """
        if not record.changed_at:
            return True
        heard_after = (ringing.since - record.changed_at) / 1000
        closed_for = (self._now() - record.changed_at) / 1000
        return heard_after > _LATE_SECONDS or closed_for > ringing.memory_seconds + _LATE_SECONDS

    def _accept(self, record: Record) -> Record:
        """Take note that somebody has enabled the mapping: `terraform apply`, or an operator."""
        return self._change(record, CircuitState.CLOSED, "its mapping was enabled by somebody else")

    def _try(self, record: Record) -> Record:
        trying = self._change(record, CircuitState.HALF_OPEN, "a few messages are tried")
        result = self._trial.run()
        if not result.is_passed(self._settings.error_rate_percent):
            reason = f"{result.failed} of {result.tried} messages failed: {result.reason}"
            return self._change(trying, CircuitState.OPEN, reason)
        reason = f"{result.tried - result.failed} of {result.tried} messages succeeded"
        closed = self._settle(self._change(trying, CircuitState.CLOSED, reason, settled=False))
        self._tell(
            f"{self._name}: circuit closed", f"{self._name} goes on: of those tried, {reason}."
        )
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
        """Bring the mapping in line with the record.

        An operator may pause between the two steps, and finds that the mapping is enabled all the
        same; as the pause is not settled then, the next look disables it.
        """
        self._mapping.switch(enabled=record.state is CircuitState.CLOSED and not record.paused)
        return self._records.write(replace(record, settled=True))

    def _now(self) -> int:
        return milliseconds(self._clock)
