"""Limit the steps of a validation: alternatives in a schema can multiply with a record's depth."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import msgspec
    from jsonschema.protocols import Validator

    type Rule = Callable[[Validator, object, object, object], Iterable[Exception] | None]

# A step is the check of one value by one rule and takes some microseconds. A record may take the
# first number of steps, plus the second for each byte: enough for a thousand rules for each value.
MOST_STEPS, MOST_STEPS_A_BYTE = 100_000, 100
_STEPS_AT_ONCE = 1000


class TooManyStepsError(Exception):
    """A record takes too many steps for its size."""


class Steps(threading.local):
    """Counts the steps of each thread."""

    _left = 0
    _at_once = _STEPS_AT_ONCE

    def begin(self, record: msgspec.Raw, check: Callable[[], None]) -> None:
        """Begin the validation of a record.

        Parameters
        ----------
        record
            The record.
        check
            Called regularly; raises when the time is over.
        """
        self._most = self._left = MOST_STEPS + MOST_STEPS_A_BYTE * memoryview(record).nbytes
        self._check = check

    def take(self) -> None:
        """Count a step.

        Raises
        ------
        TooManyStepsError
            The record has taken too many steps.
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
    """Count each check by a rule."""

    def ask(
        validator: Validator, expected: object, value: object, schema: object
    ) -> Iterable[Exception] | None:
        STEPS.take()
        return rule(validator, expected, value, schema)

    return ask
