"""What AWS charges for each thing, read from ``prices.toml``."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

FILE = Path(__file__).with_name("prices.toml")


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A price and where it is from.

    Attributes
    ----------
    usd, count, unit
        ``usd`` for ``count`` of ``unit``.
    source
        AWS's page of it.
    seen
        The page the figure was read on; none where it is unverified.
    checked
        The day of it.
    note
        What else there is to say.
    """

    usd: Decimal
    count: int
    unit: str
    source: str
    seen: str | None = None
    checked: date
    note: str = ""

    def of(self, quantity: Decimal) -> Decimal:
        """Work out what a quantity costs, in USD."""
        return quantity * self.usd / self.count


class Allowance(msgspec.Struct, frozen=True):
    """What is free of charge each month, of one price or of several together."""

    prices: tuple[str, ...]
    quantity: Decimal
    source: str
    checked: date


class Prices(msgspec.Struct, frozen=True):
    """The prices of a region, and what of them is free, by name."""

    region: str
    prices: dict[str, Price]
    free: dict[str, Allowance]


def read_prices() -> Prices:
    """Read the file of prices."""
    return msgspec.toml.decode(FILE.read_bytes(), type=Prices)
