"""What a command printed, and how it ended."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    code: int
    output: str
    errors: str


type Run = Callable[..., Answer]
