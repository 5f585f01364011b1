"""The bill as a table, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from rich.markup import escape
from rich.table import Table

from tools.cost.inventory import Inventory
from tools.cost.model import Line, Prices, Saving, Traffic, batch_of, total

_NOT_COUNTED = ("requests to KMS", "what tables hold", "data transfer")


def table(lines: list[Line], traffic: Traffic) -> Table:
    """Show the lines by service, what each costs a month, and the total."""
    shown = Table(title="A month on AWS", title_justify="left", show_footer=True)
    whole = total(lines)
    shown.add_column("service", footer="total")
    shown.add_column(
        "what", overflow="fold", footer=f"{_usd(per_million(whole, traffic))} a million files"
    )
    shown.add_column("quantity", justify="right")
    shown.add_column("USD", justify="right", footer=_usd(whole))
    for service in dict.fromkeys(line.service for line in lines):
        some = [line for line in lines if line.service == service]
        shown.add_section()
        shown.add_row(f"[bold]{service}[/]", "", "", f"[bold]{_usd(total(some))}[/]")
        for line in some:
            quantity = f"{_count(line.quantity)} {line.unit}"
            shown.add_row("", escape(line.what), quantity, _usd(line.usd))
    return shown


def per_million(usd: Decimal, traffic: Traffic) -> Decimal:
    """Say what a million files cost at this traffic."""
    return usd * 1_000_000 / traffic.files


def ways(found: list[Saving]) -> Iterator[str]:
    """Say what would lower the bill, and by how much."""
    if found:
        yield "Ways to lower it, each by itself:"
    for saving in found:
        yield f"  {_usd(saving.usd):>10} a month  {escape(saving.what)}"


def assumptions(inventory: Inventory, traffic: Traffic, prices: Prices) -> Iterator[str]:
    """Say what the bill supposes."""
    yield (
        f"Prices of {prices.region}, looked up on {prices.checked}: tools/cost/prices.toml. "
        "No free tier is taken off."
    )
    yield f"Route {inventory.route}. {traffic.files:,} files come evenly over 30 days, and stay."
    for consumer in inventory.consumers:
        files = traffic.files_of(consumer)
        yield (
            f"{consumer.name}: {_count(files)} files, {traffic.seconds_for(consumer)} s each with "
            f"{consumer.memory_mb} MB ({consumer.architecture}), read once, "
            f"{batch_of(consumer, files):.1f} a batch, {traffic.log_bytes} bytes logged for each"
        )
    unknown = [f"{count} x {kind}" for kind, count in (inventory.not_counted or {}).items()]
    yield f"Not counted: {', '.join([*unknown, *_NOT_COUNTED])}"


def document(
    lines: list[Line], found: list[Saving], traffic: Traffic, notes: list[str]
) -> dict[str, Any]:
    """Give all of it for other programs; amounts are texts, so that no digit is lost."""
    return {
        "lines": [
            {
                "service": line.service,
                "what": line.what,
                "quantity": str(line.quantity),
                "unit": line.unit,
                "usd": str(line.usd),
            }
            for line in lines
        ],
        "total_usd": str(total(lines)),
        "usd_per_million_files": str(per_million(total(lines), traffic)),
        "savings": [{"what": saving.what, "usd": str(saving.usd)} for saving in found],
        "assumptions": notes,
    }


def _usd(amount: Decimal) -> str:
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:.4f}"


def _count(quantity: Decimal) -> str:
    return f"{quantity:,.0f}" if quantity >= 100 else f"{quantity:.3g}"  # noqa: PLR2004 (digits shown)
