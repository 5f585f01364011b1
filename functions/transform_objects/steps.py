"""How long a record may be checked: a schema's alternatives can multiply with a record's depth."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import msgspec
    from jsonschema.protocols import Validator

    type Rule = Callable[[Validator, object, object, object], Iterable[Exception] | None]

# A rule that is asked about a value is a step, of some microseconds. A record may take so many, and
# for each byte so many more: a schema with a thousand rules for each value is followed.
MOST_STEPS, MOST_STEPS_A_BYTE = 100_000, 100
_STEPS_AT_ONCE = 1000


class TooManyStepsError(Exception):
    """A record takes more steps to check than one of its size should."""


class Steps(threading.local):
    """Counts the steps of each thread."""

    _left = 0
    _at_once = _STEPS_AT_ONCE

    def begin(self, record: msgspec.Raw, check: Callable[[], None]) -> None:
        """Begin with a record.

        Parameters
        ----------
        record
            The record.
        check
            Asked now and then; raises when the time is over.
        """
        self._most = self._left = MOST_STEPS + MOST_STEPS_A_BYTE * memoryview(record).nbytes
        self._check = check

    def take(self) -> None:
        """Count a step.

        Raises
        ------
        TooManyStepsError
            There were too many for this record.
        """
        self._at_once -= 1
        if self._at_once > 0:
            return
        self._at_once = _STEPS_AT_ONCE
        self._check()
        self._left -= _STEPS_AT_ONCE
        if self._left < 0:
            raise TooManyStepsError(
                f"takes more than {self._most:,} steps to check: alternatives of the schema (anyOf,"
                " oneOf, if) that refer to each other multiply with the depth of a record"
            )


STEPS = Steps()


def counted(rule: Rule) -> Rule:
    """Count each time a rule is asked."""

    def ask(
        validator: Validator, expected: object, value: object, schema: object
    ) -> Iterable[Exception] | None:
        STEPS.take()
        return rule(validator, expected, value, schema)

    return ask
