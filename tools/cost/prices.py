"""What AWS charges for each thing, read from ``prices.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

FILE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
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
    seen: str | None
    checked: date
    note: str

    def of(self, quantity: Decimal) -> Decimal:
        """Work out what a quantity costs, in USD."""
        return quantity * self.usd / self.count


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is free of charge each month, of one price or of several together."""

    prices: tuple[str, ...]
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of a region, by name, and what of them is free."""

    region: str
    by_name: Mapping[str, Price]
    allowances: tuple[Allowance, ...]

    @property
    def oldest(self) -> date:
        """Give the day on which the price that was checked longest ago was checked."""
        return min(price.checked for price in self.by_name.values())


def read_prices(file: Path = FILE) -> Prices:
    """Read the file of prices."""
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    by_name = {
        name: Price(
            usd=Decimal(price["usd"]),
            count=price["count"],
            unit=price["unit"],
            source=price["source"],
            seen=price.get("seen"),
            checked=price["checked"],
            note=price.get("note", ""),
        )
        for name, price in document["prices"].items()
    }
    allowances = tuple(
        Allowance(tuple(free["prices"]), Decimal(free["quantity"]))
        for free in document["free"].values()
    )
    return Prices(document["region"], by_name, allowances)
