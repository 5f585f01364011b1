"""What `make fuzz` tries for minutes, tried shortly: some inputs of each target, and its corpus.

Everything here is the same in each run.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import corpus
from tests.fuzz.metering import Bound, metered
from tests.fuzz.target import BrokenPromiseError, Target
from tests.fuzz.targets import NAMES, load

_EXAMPLES = 15

# Hypothesis looks at the time of each garbage collection, where there may be no depth left for it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("name", NAMES)
def test_promises_are_kept_whatever_comes(name: str) -> None:
    target = load(name)
    target.attack(target.example, meter=False)

    @settings(
        max_examples=_EXAMPLES,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(target.inputs)
    def attack(data: bytes) -> None:
        target.attack(data)

    attack()


@pytest.mark.parametrize("name", NAMES)
def test_attacks_that_are_known_fail(name: str) -> None:
    target = load(name)
    target.attack(target.example, meter=False)

    for make in target.known.values():
        target.attack(make())


@pytest.mark.parametrize("name", NAMES)
def test_promises_are_kept_for_the_corpus(name: str) -> None:
    target = load(name)
    target.attack(target.example, meter=False)

    for _, data in corpus.read(name):
        target.attack(data)


def target(work: object, bound: Bound) -> Target:
    return Target(
        work=work,  # type: ignore[arg-type]
        judge=lambda _, __: None,
        inputs=st.binary(),
        example=b"",
        bound=bound,
        known={},
    )


TIGHT = Bound(bytes_each=4, steps_each=4, bytes_free=1_000, steps_free=10)


def test_work_that_stays_within_its_bound_is_let_through() -> None:
    cost = target(lambda data: [byte for byte in data], TIGHT).attack(b"x" * 10)  # noqa: C416

    assert cost.steps >= 10


def test_quadratic_work_is_found_by_its_steps() -> None:
    quadratic = target(lambda data: [1 for _ in data for _ in data] and None, TIGHT)

    with pytest.raises(BrokenPromiseError, match="steps for an input of 100 bytes; at most 410"):
        quadratic.attack(b"x" * 100)


def test_memory_beyond_the_bound_is_found() -> None:
    with pytest.raises(BrokenPromiseError, match="bytes for an input of 100 bytes; at most 1,400"):
        target(lambda data: data * 100, TIGHT).attack(b"x" * 100)


def test_an_error_that_is_not_promised_is_a_finding() -> None:
    with pytest.raises(ZeroDivisionError):
        target(lambda data: 1 / len(data), TIGHT).attack(b"")


def test_steps_are_the_same_in_each_run() -> None:
    envelopes = load("envelopes")
    envelopes.work(envelopes.example)
    steps = set()
    for _ in range(3):
        with metered() as cost:
            envelopes.work(envelopes.example)
        steps.add(cost.steps)

    assert len(steps) == 1
