"""What an attack on one part of the code is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis.strategies import SearchStrategy

from tests.fuzz.metering import Bound, Cost, metered


class BrokenPromiseError(AssertionError):
    """The code did something else than it promises; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One part of the code, with what it promises for any bytes.

    Attributes
    ----------
    work
        What is attacked. Takes any bytes, and gives what became of them; errors that are promised
        are a result too, all others are findings. Only this is metered.
    judge
        Given the bytes and the result, raises `AssertionError` if a promise is broken.
    inputs
        Bytes worth trying.
    example
        A good input. The first attempt of all is one of it, unmetered: what is imported or compiled
        when it is needed first costs nothing from then on.
    known
        Attacks that have succeeded once, or nearly, by name: most are too large for the corpus.
    bound
        What the work may cost.
    tokens
        What a fuzzer that changes bytes puts in: words that the code looks for.
    """

    work: Callable[[bytes], Any]
    judge: Callable[[bytes, Any], None]
    inputs: SearchStrategy[bytes]
    example: bytes
    bound: Bound
    known: Mapping[str, Callable[[], bytes]]
    tokens: tuple[bytes, ...] = ()

    def attack(self, data: bytes, *, meter: bool = True) -> Cost:
        """Try one input.

        Parameters
        ----------
        data
            The input.
        meter
            Whether the cost is looked at; without it an attempt is much quicker.

        Raises
        ------
        BrokenPromiseError, AssertionError
            A promise is broken; so it is by any other error.
        """
        if not meter:
            self.judge(data, self.work(data))
            return Cost()
        with metered() as cost:
            result = self.work(data)
        self.judge(data, result)
        if excess := self.bound.excess(cost, len(data)):
            raise BrokenPromiseError(excess)
        return cost


def promise(kept: object, text: str) -> None:
    """Raise unless a promise is kept."""
    if not kept:
        raise BrokenPromiseError(text)


def promise_words(text: str, data: bytes) -> None:
    """Raise unless an error says something, and no more than what it quotes of the input.

    A character may be written as an escape of ten. What goes on to a log or a queue is cut there.
    """
    promise(0 < len(text) < 2_000 + 10 * len(data), f"an error of {len(text)} characters")


def split(data: bytes) -> tuple[bytes, bytes]:
    """Take the first line off an input: how the rest is to be tried."""
    how, _, rest = data.partition(b"\n")
    return how, rest


def join(how: str, content: bytes | str) -> bytes:
    """Make an input that is tried in this way; what `split` takes apart."""
    return how.encode() + b"\n" + (content.encode() if isinstance(content, str) else content)


def choose[T](how: bytes, choices: Mapping[str, T]) -> T:
    """Choose by name; any other text chooses something too, so that no input is wasted."""
    named = choices.get(how.decode(errors="replace"))
    return list(choices.values())[sum(how) % len(choices)] if named is None else named
