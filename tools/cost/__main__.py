"""``make cost``: what a pipeline costs a month on AWS.

    python -m tools.cost --files 1000000 --size 50KB --var-file my.tfvars
    python -m tools.cost --files 1000000 --size 50KB --plan plan.json

A plan is the output of ``terraform show -json``. With a file of variables the root module is
planned here, without AWS.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

from rich.console import Console

from event_pipelines.terraform import TerraformError
from tools.checkout import ROOT
from tools.cost import planning, report
from tools.cost.inventory import Inventory
from tools.cost.model import Traffic, bill
from tools.cost.plan import PlanError, read_plan
from tools.cost.prices import Prices, read_prices
from tools.cost.ways import ways

_NUMBER = r"\d+(?:\.\d+)?"
_SIZE = re.compile(rf"({_NUMBER})\s*([kMGT]?i?B)?", re.IGNORECASE)
_UNITS = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3, "tb": 1024**4}
_WIDTH = 150


class ArgumentsError(Exception):
    """What was asked for makes no sense; the message says what does."""


def main(arguments: Sequence[str]) -> int:
    """Print the bill; exit code 2 for what makes no sense as input, 1 if Terraform refuses it."""
    options = _parser().parse_args(arguments)
    prices = read_prices()
    try:
        traffic = _traffic(options)
        inventory = read_plan(_plan(options, prices))
        _check(inventory, traffic)
    except (ArgumentsError, PlanError, OSError) as error:
        print(f"cost: {error}", file=sys.stderr)
        return 2
    except TerraformError as error:
        print(f"cost: {error}", file=sys.stderr)
        return 1
    free = options.free_tier
    lines = bill(inventory, traffic, prices, free_tier=free)
    found = ways(inventory, traffic, prices, free_tier=free)
    notes = list(report.assumptions(inventory, traffic, prices, lines, free_tier=free))
    if options.json:
        print(json.dumps(report.document(lines, found, traffic, prices, notes), indent=2))
        return 0
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(report.table(lines, traffic, prices))
    for text in (*report.lowering(found), "", *notes):
        console.print(text, highlight=False, markup=False)
    return 0


def size_in_bytes(text: str) -> int:
    """Read a size such as ``50KB``, ``1.5 MiB`` or ``1000``; a KB has 1,024 bytes.

    Raises
    ------
    ArgumentsError
        It is no size, or of nothing.
    """
    found = _SIZE.fullmatch(text.strip())
    size = (
        int(Decimal(found[1]) * _UNITS[(found[2] or "B").lower().replace("i", "")]) if found else 0
    )
    if not size:
        raise ArgumentsError(f"{text!r} is no size; write it like 800, 50KB or 1.5MB")
    return size


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make cost", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--files", required=True, help="files a month")
    parser.add_argument("--size", required=True, help="of a file on average, such as 50KB")
    parser.add_argument("--plan", type=Path, help="output of terraform show -json")
    parser.add_argument("--var-file", type=Path, help="variables of the root module")
    for option, what in (
        ("--duration", "seconds a function takes for a file (0.2); of one: transform=0.4"),
        ("--output-ratio", "bytes written for each read, by consumers with an output (1)"),
        ("--share", "part of the files that a consumer gets (all): audit=0.3"),
    ):
        parser.add_argument(option, action="append", default=[], metavar="NUMBER", help=what)
    parser.add_argument("--items", default="1", help="written to a table for a file (1)")
    parser.add_argument("--item-size", default="1KB", help="of an item in a table (1KB)")
    parser.add_argument("--log-bytes", default="1200", help="logged for a file (1200)")
    parser.add_argument("--failures", default="0", help="part of files that fail at every try (0)")
    parser.add_argument(
        "--free-tier", action=argparse.BooleanOptionalAction, default=False,
        help="take off what an account has free of charge",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _traffic(options: argparse.Namespace) -> Traffic:
    seconds, seconds_of = _by_consumer("--duration", options.duration)
    ratio, ratio_of = _by_consumer("--output-ratio", options.output_ratio)
    share, share_of = _by_consumer("--share", options.share)
    if share is not None:
        raise ArgumentsError("--share is a consumer's: write it like --share audit=0.3")
    for name, part in (*share_of.items(), ("--failures", _number("--failures", options.failures))):
        if part > 1:
            raise ArgumentsError(f"{name} {part} is more than all: a part is a number from 0 to 1")
    return Traffic(
        files=_whole("--files", options.files, least=1),
        file_bytes=size_in_bytes(options.size),
        seconds=Decimal("0.2") if seconds is None else seconds,
        seconds_of=seconds_of,
        share_of=share_of,
        output_ratio=Decimal(1) if ratio is None else ratio,
        output_ratio_of=ratio_of,
        items=_whole("--items", options.items),
        item_bytes=size_in_bytes(options.item_size),
        log_bytes=_whole("--log-bytes", options.log_bytes),
        failures=_number("--failures", options.failures),
    )


def _whole(option: str, text: str, *, least: int = 0) -> int:
    digits = text.replace("_", "").replace(",", "")
    if not digits.isdecimal() or int(digits) < least:
        raise ArgumentsError(f"{option} {text!r} is no whole number of at least {least}")
    return int(digits)


def _number(option: str, text: str) -> Decimal:
    if not re.fullmatch(_NUMBER, text):
        raise ArgumentsError(f"{option} {text!r} is no number; write it like 0.5")
    return Decimal(text)


def _by_consumer(option: str, texts: Iterable[str]) -> tuple[Decimal | None, dict[str, Decimal]]:
    """Read numbers of single consumers, and one for all others."""
    common, own = None, {}
    for text in texts:
        name, is_own, number = text.rpartition("=")
        if is_own and name:
            own[name] = _number(option, number)
        else:
            common = _number(option, text)
    return common, own


def _check(inventory: Inventory, traffic: Traffic) -> None:
    consumers = {function.name: function for function in inventory.consumers}
    for name in (*traffic.seconds_of, *traffic.share_of, *traffic.output_ratio_of):
        if name not in consumers:
            known = ", ".join(sorted(consumers))
            raise ArgumentsError(f"the plan has no consumer {name!r} of files; it has {known}")
    for function in consumers.values():
        if (seconds := traffic.seconds_for(function)) > function.timeout_seconds:
            raise ArgumentsError(
                f"{function.name} can't take {seconds} s for a file: its timeout is "
                f"{function.timeout_seconds} s. Give --duration {function.name}=SECONDS"
            )


def _plan(options: argparse.Namespace, prices: Prices) -> object:
    if options.plan is not None and options.var_file is not None:
        raise ArgumentsError("name one of --plan and --var-file")
    if options.plan is not None:
        try:
            return json.loads(options.plan.read_bytes())
        except ValueError as error:
            raise PlanError(
                f"{options.plan} is no JSON: write it with terraform show -json"
            ) from error
    var_file = options.var_file or ROOT / "demo" / "pipeline.tfvars.json"
    return planning.plan(var_file, prices.region)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
