"""The breaker's decisions: one step at a time, and any steps in any order with crashes between."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from circuit_breaker.breaker import Breaker, Result, Ringing, Settings
from circuit_state import CircuitState, Record, RevisionError

COOL_DOWN = 300.0
TRIAL = 90.0
# What the alarm looks back on, and how late it may hear of a failure.
MEMORY = 600.0
LATE = 120.0


class CrashError(Exception):
    """The function died here."""


@dataclass
class World:
    """A consumer, its downstream, and whoever else has a hand on its mapping."""

    now: float = 1_000_000.0
    is_up: bool = True
    enabled: bool = True
    rings: float | None = None
    waiting: int = 5
    record: Record = field(default_factory=Record)
    tried: int = 0
    told: list[str] = field(default_factory=list)
    # Called before and after everything the breaker does to the world.
    meddle: Callable[[], None] = lambda: None

    def breaker(self) -> Breaker:
        return Breaker(
            "orders/load",
            records=self,
            alarm=self,
            mapping=self,
            trial=self,
            settings=Settings(
                cool_down_seconds=COOL_DOWN, trial_seconds=TRIAL, error_rate_percent=50
            ),
            tell=lambda subject, _text: self.told.append(subject),
            clock=lambda: self.now,
        )

    def look(self) -> CircuitState:
        return self.breaker().look().state

    # The records

    def read(self) -> Record:
        return self.record

    def write(self, record: Record) -> Record:
        self.meddle()
        if record.revision != self.record.revision:
            raise RevisionError("somebody else was quicker")
        self.record = replace(record, revision=record.revision + 1)
        written = self.record
        self.meddle()
        return written

    # The alarm

    def ringing(self) -> Ringing | None:
        return None if self.rings is None else Ringing(int(self.rings * 1000), MEMORY)

    # The mapping

    def is_enabled(self) -> bool:
        return self.enabled

    def switch(self, *, enabled: bool) -> None:
        self.meddle()
        self.enabled = enabled
        self.meddle()

    # The trial

    def run(self) -> Result:
        self.meddle()
        self.tried += 1
        tried = min(self.waiting, 10)
        if not self.is_up:
            return Result(tried, tried, "no answer")
        self.waiting -= tried
        return Result(tried, 0)

    # What happens in it

    def fail(self) -> None:
        """The downstream goes down, and the alarm off."""
        self.is_up = False
        self.rings = self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds

    def pause(self) -> None:
        """What `pipeline pause` does."""
        self.record = replace(self.record, paused=True, revision=self.record.revision + 1)
        self.enabled = False

    def resume(self) -> None:
        """What `pipeline resume` does."""
        self.record = replace(
            self.record,
            state=CircuitState.CLOSED,
            paused=False,
            settled=True,
            changed_at=int(self.now * 1000),
            revision=self.record.revision + 1,
        )
        self.enabled = True


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def broken(world: World) -> World:
    """A world whose circuit is open."""
    world.fail()
    assert world.look() is CircuitState.OPEN
    return world


def test_a_quiet_alarm_opens_nothing(world: World) -> None:
    assert world.look() is CircuitState.CLOSED
    assert world.enabled


def test_the_first_look_leaves_a_record_for_operators(world: World) -> None:
    world.look()
    assert world.record.revision == 1


def test_an_alarm_opens_the_circuit_and_people_are_told(broken: World) -> None:
    assert not broken.enabled
    assert broken.record.settled
    assert broken.told == ["orders/load: circuit open"]


def test_nothing_is_tried_before_it_has_cooled_down(broken: World) -> None:
    broken.pass_by(COOL_DOWN - 1)
    assert broken.look() is CircuitState.OPEN
    assert broken.tried == 0


def test_it_stays_open_while_trials_fail_and_people_are_told_once(broken: World) -> None:
    for tries in (1, 2, 3):
        broken.pass_by(COOL_DOWN)
        assert broken.look() is CircuitState.OPEN
        assert broken.tried == tries
    assert not broken.enabled
    assert broken.record.reason == "5 of 5 messages failed: no answer"
    assert broken.told == ["orders/load: circuit open"]


def test_it_closes_when_they_succeed(broken: World) -> None:
    broken.is_up = True
    broken.pass_by(COOL_DOWN)
    assert broken.look() is CircuitState.CLOSED
    assert broken.enabled
    assert broken.told[-1] == "orders/load: circuit closed"


def test_the_alarm_that_opened_it_does_not_open_it_again(broken: World) -> None:
    broken.is_up = True
    broken.pass_by(COOL_DOWN)
    broken.look()
    broken.pass_by(MEMORY + LATE)
    assert broken.look() is CircuitState.CLOSED
    broken.fail()
    assert broken.look() is CircuitState.OPEN


def test_an_alarm_that_rings_for_longer_than_it_remembers_opens_it_again(broken: World) -> None:
    closed(broken)
    broken.is_up = False
    broken.pass_by(MEMORY + LATE + 1)
    assert broken.look() is CircuitState.OPEN
    assert broken.told[-1] == "orders/load: circuit open"


@pytest.mark.parametrize(
    ("seconds", "state"), [(LATE, CircuitState.CLOSED), (LATE + 1, CircuitState.OPEN)]
)
def test_an_alarm_that_was_late_does_not_open_it_again(
    broken: World, seconds: float, state: CircuitState
) -> None:
    closed(broken)
    broken.rings = None
    broken.pass_by(seconds)
    broken.fail()
    assert broken.look() is state


def closed(broken: World) -> None:
    """Have a trial succeed."""
    broken.is_up = True
    broken.pass_by(COOL_DOWN)
    assert broken.look() is CircuitState.CLOSED


def test_with_nothing_to_try_it_closes(broken: World) -> None:
    broken.waiting = 0
    broken.pass_by(COOL_DOWN)
    assert broken.look() is CircuitState.CLOSED


@pytest.mark.parametrize(("failed", "state"), [(4, True), (5, False), (10, False), (0, True)])
def test_a_trial_is_held_to_the_rate_that_opens(failed: int, state: bool) -> None:
    assert Result(10, failed).is_passed(50) is state


def test_a_stopped_consumer_is_left_alone(world: World) -> None:
    world.look()
    world.enabled = False
    world.fail()
    assert world.look() is CircuitState.CLOSED
    assert not world.enabled


def test_a_pause_is_never_overridden(broken: World) -> None:
    broken.pause()
    broken.is_up = True
    broken.pass_by(10 * COOL_DOWN)
    broken.look()
    assert not broken.enabled
    assert broken.tried == 0


def test_a_pause_while_it_closes_is_kept(broken: World) -> None:
    broken.is_up = True
    broken.pass_by(COOL_DOWN)
    for moment in range(1, 9):
        world = World(**{**broken.__dict__, "told": []})
        calls = 0

        def pause_at(moment: int = moment, world: World = world) -> None:
            nonlocal calls
            calls += 1
            if calls == moment:
                world.pause()

        world.meddle = pause_at
        with contextlib.suppress(RevisionError):
            world.look()
        world.meddle = lambda: None
        world.look()
        assert world.record.paused
        assert not world.enabled, f"paused at step {moment}"


def test_an_operator_who_enables_the_mapping_has_the_last_word(broken: World) -> None:
    broken.enabled = True
    assert broken.look() is CircuitState.CLOSED
    assert broken.enabled


def test_a_trial_that_never_ends_counts_as_lost(broken: World) -> None:
    broken.pass_by(COOL_DOWN)
    broken.record = replace(
        broken.record, state=CircuitState.HALF_OPEN, retry_at=int((broken.now + TRIAL) * 1000)
    )
    assert broken.look() is CircuitState.HALF_OPEN
    broken.pass_by(TRIAL)
    broken.is_up = True
    assert broken.look() is CircuitState.CLOSED


class Life(RuleBasedStateMachine):
    """Everything that can happen, in any order, and a crash at any step."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.paused = False
        self.stopped_by_hand = False
        self.told_of_pause = True

    @rule(seconds=st.sampled_from([1, 60, 300, 1000]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_by(seconds)

    @rule()
    def the_downstream_fails(self) -> None:
        self.world.is_up = False

    @rule()
    def the_downstream_heals(self) -> None:
        self.world.is_up = True
        self.world.rings = None

    @rule()
    def the_alarm_looks(self) -> None:
        failing = self.world.enabled and not self.world.is_up
        if not failing:
            self.world.rings = None
        elif self.world.rings is None:
            self.world.rings = self.world.now

    @rule(crash=st.one_of(st.none(), st.integers(1, 8)))
    def the_breaker_looks(self, crash: int | None) -> None:
        calls = 0

        def die() -> None:
            nonlocal calls
            calls += 1
            if calls == crash:
                raise CrashError

        self.world.meddle = die
        try:
            self.world.look()
        except CrashError:
            return
        finally:
            self.world.meddle = lambda: None
        self.told_of_pause = True

    @precondition(lambda self: self.world.record.revision > 0)
    @rule(crash=st.integers(1, 8))
    def an_operator_pauses_while_the_breaker_looks(self, crash: int) -> None:
        calls = 0

        def pause() -> None:
            nonlocal calls
            calls += 1
            if calls == crash:
                self.world.pause()
                self.paused = True

        self.world.meddle = pause
        with contextlib.suppress(RevisionError):
            self.world.look()
        self.world.meddle = lambda: None
        # The next look sees to it, if this one had begun to enable the mapping.
        self.told_of_pause = not self.paused

    @precondition(lambda self: self.world.record.revision > 0)
    @rule()
    def an_operator_pauses(self) -> None:
        self.world.pause()
        self.paused = True

    @rule()
    def an_operator_resumes(self) -> None:
        self.world.resume()
        self.paused = self.stopped_by_hand = False
        self.told_of_pause = True

    @precondition(lambda self: self.world.enabled and self.world.record.settled and not self.paused)
    @rule()
    def somebody_stops_it_in_the_console(self) -> None:
        if self.world.record.state is CircuitState.CLOSED:
            self.world.enabled = False
            self.stopped_by_hand = True

    @invariant()
    def what_people_stopped_is_stopped(self) -> None:
        if self.stopped_by_hand or (self.paused and self.told_of_pause):
            assert not self.world.enabled

    @invariant()
    def an_open_circuit_on_record_is_open(self) -> None:
        record = self.world.record
        if record.settled and record.state is not CircuitState.CLOSED and not record.paused:
            assert not self.world.enabled

    def teardown(self) -> None:
        self.world.is_up = True
        self.world.rings = None
        for _ in range(6):
            self.world.look()
            self.world.pass_by(COOL_DOWN + TRIAL)
        if self.paused or self.stopped_by_hand:
            assert not self.world.enabled
        else:
            assert self.world.record.state is CircuitState.CLOSED
            assert self.world.enabled


def test_whatever_happens_people_have_the_last_word_and_it_closes_in_the_end() -> None:
    run_state_machine_as_test(
        Life, settings=settings(max_examples=150, stateful_step_count=30, deadline=None)
    )
