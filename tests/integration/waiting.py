"""Wait for conditions, with a deadline and a message that says what was seen last."""

import time
from collections.abc import Callable

POLL_SECONDS = 0.25


def eventually[Seen](
    look: Callable[[], Seen],
    *,
    until: Callable[[Seen], bool] = bool,
    within: float = 60,
    waiting_for: str,
) -> Seen:
    """Look again and again until what is seen will do, and give it.

    Parameters
    ----------
    within
        Seconds; far more than it should take, for a loaded machine.

    Raises
    ------
    AssertionError
        When the time is over; it holds what was seen last.
    """
    deadline = time.monotonic() + within
    while not until(seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within:.0f} s for {waiting_for}; last seen: {seen!r}")
        time.sleep(POLL_SECONDS)
    return seen
