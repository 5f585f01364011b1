"""The bill as a table, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from rich.markup import escape
from rich.table import Table as Shown

from tools.cost.inventory import Inventory
from tools.cost.model import EVENT_BYTES, FOR_EVER_DAYS, Line, Traffic, batch_of, total, writers_of
from tools.cost.prices import Price, Prices
from tools.cost.ways import Way

_MILLION = 1_000_000
# Counts from here on are shown without decimals.
_MANY = 100


def table(lines: Sequence[Line], traffic: Traffic, prices: Prices) -> Shown:
    """Show the lines by service, what each costs a month, and the total."""
    whole = total(lines)
    shown = Shown(
        title=f"{traffic.files:,} files a month on AWS", title_justify="left", show_footer=True
    )
    shown.add_column("what", overflow="fold", footer="total a month\na million files")
    shown.add_column("how many", overflow="fold")
    shown.add_column("quantity", justify="right", no_wrap=True)
    shown.add_column("unit price, USD", overflow="fold")
    footer = f"{_usd(whole)}\n{_usd(per_million(whole, traffic))}"
    shown.add_column("USD", justify="right", no_wrap=True, footer=footer)
    for service in sorted(
        dict.fromkeys(line.service for line in lines),
        key=lambda name: -total(line for line in lines if line.service == name),
    ):
        some = [line for line in lines if line.service == service]
        shown.add_section()
        shown.add_row(f"[bold]{service}[/]", "", "", "", f"[bold]{_usd(total(some))}[/]")
        for line in some:
            price = _priced(prices.prices[line.price])
            cells = (f"  {line.what}", line.how, _count(line.quantity), price, _usd(line.usd))
            shown.add_row(*map(escape, cells))
    return shown


def per_million(usd: Decimal, traffic: Traffic) -> Decimal:
    """Say what a million files cost at this traffic."""
    return usd * _MILLION / traffic.files


def lowering(found: Sequence[Way]) -> Iterator[str]:
    """Say what would lower the bill, by how much, and what is lost with it."""
    if found:
        yield "Ways to lower it, each by itself, in USD a month:"
    for way in found:
        yield f"  {_usd(way.usd):>10}  {way.what} ({way.loss})"


def assumptions(
    inventory: Inventory,
    traffic: Traffic,
    prices: Prices,
    lines: Sequence[Line],
    *,
    free_tier: bool,
) -> Iterator[str]:
    """Say what the bill supposes."""
    unverified = sorted({line.price for line in lines if not prices.prices[line.price].seen})
    oldest = min(price.checked for price in prices.prices.values())
    yield (
        f"Prices of {prices.region}, checked on {oldest} or later: tools/cost/prices.toml."
        + (f" Unverified: {', '.join(unverified)}." if unverified else "")
    )
    yield (
        "The whole free tier is taken off: nothing else in the account may use it."
        if free_tier
        else "No free tier is taken off (--free-tier does)."
    )
    yield (
        f"{traffic.files:,} files of {traffic.file_bytes:,} bytes come evenly over 30 days, "
        "uploaded in one request each. A month's files and items are kept for a month; those "
        "that nothing deletes add as much every month. A consumer gets all of them, whatever its "
        "filter, unless --share says which part."
    )
    yield (
        f"An event has {EVENT_BYTES:,} bytes. Of a file {traffic.log_bytes:,} bytes are logged; "
        f"logs that never expire are those of {FOR_EVER_DAYS} days."
    )
    if traffic.failures:
        yield (
            f"{traffic.failures} of the files fail at every try, and are tried until they are set "
            "aside; a queue whose number of tries the plan doesn't tell has 5."
        )
    for address, function in inventory.functions.items():
        if function not in inventory.consumers:
            continue
        batch = [
            batch_of(mapping, traffic.files_of(function))
            for mapping in inventory.mappings
            if mapping.function == address and mapping.queue in inventory.reached
        ]
        output = (
            f", writes {traffic.output_ratio_for(function)} times its bytes"
            if function.writes_output
            else ""
        )
        yield (
            f"{function.name}: {_count(traffic.files_of(function))} files, "
            f"{traffic.seconds_for(function)} s each one after the other, {function.memory_mb} MB "
            f"({function.architecture}), {_count(batch[0]) if batch else '1'} in a batch, "
            f"each read once{output}"
        )
    for some in inventory.tables:
        names = ", ".join(one.name for one in writers_of(inventory, some))
        yield f"{some.name}: written by {names}; reads are not counted"
    yield (
        "Not counted: data transfer, cold starts, versions of replaced files, requests to KMS of a "
        "bucket key"
        + "".join(f"; {function.name}, which no file comes to" for function in inventory.others)
        + "".join(f"; {what}" for what in inventory.not_counted)
    )


def document(
    lines: Sequence[Line],
    found: Sequence[Way],
    traffic: Traffic,
    prices: Prices,
    notes: Sequence[str],
) -> dict[str, Any]:
    """Give all of it for other programs; amounts are texts, so that no digit is lost."""
    return {
        "lines": [
            {
                "service": line.service,
                "what": line.what,
                "how": line.how,
                "quantity": str(line.quantity),
                "unit": prices.prices[line.price].unit,
                "unit_price": _priced(prices.prices[line.price]),
                "source": prices.prices[line.price].source,
                "usd": str(line.usd),
            }
            for line in lines
        ],
        "total_usd": str(total(lines)),
        "usd_per_million_files": str(per_million(total(lines), traffic)),
        "savings": [{"what": way.what, "loss": way.loss, "usd": str(way.usd)} for way in found],
        "assumptions": list(notes),
    }


def _priced(price: Price) -> str:
    many = f"{price.count:,} " if price.count > 1 else ""
    return f"{price.usd:f} / {many}{price.unit}"


def _usd(amount: Decimal) -> str:
    return f"{amount:,.2f}" if abs(amount) >= 1 or not amount else f"{amount:.4f}"


def _count(quantity: Decimal) -> str:
    if abs(quantity) >= _MANY or quantity == quantity.to_integral():
        return f"{quantity:,.0f}"
    return f"{quantity:.3g}"
