"""``make cost``: what a pipeline costs a month.

    python -m tools.cost --files 1000000 --size 50KB --plan plan.json
    python -m tools.cost --files 1000000 --size 50KB --var-file my.tfvars

A plan is the output of ``terraform show -json``. With a file of variables the root module is
planned here, against the AWS that the environment names: ``make cost`` starts a LocalStack for it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console

from tools.cost import report
from tools.cost.inventory import Inventory, PlanError, read_plan
from tools.cost.model import Traffic, bill, read_prices, savings
from tools.terraform import ROOT, Terraform, TerraformError

PRICES = Path(__file__).with_name("prices.toml")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?i?B)?", re.IGNORECASE)
_UNITS = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3, "tb": 1024**4}


class ArgumentsError(Exception):
    """What was asked for makes no sense; the message says what does."""


def main(arguments: Sequence[str]) -> int:
    """Print the bill; exit code 2 for wrong arguments, 1 for a plan that can't be made or read."""
    options = _parser().parse_args(arguments)
    try:
        traffic = _traffic(options)
        inventory = read_plan(_plan(options))
        _check_names(inventory, traffic)
    except ArgumentsError as error:
        print(f"cost: {error}", file=sys.stderr)
        return 2
    except (PlanError, TerraformError, OSError, ValueError) as error:
        print(f"cost: {error}", file=sys.stderr)
        return 1
    prices = read_prices(PRICES)
    lines, found = bill(inventory, traffic, prices), savings(inventory, traffic, prices)
    notes = list(report.assumptions(inventory, traffic, prices))
    if options.json:
        print(json.dumps(report.document(lines, found, traffic, notes), indent=2))
        return 0
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(report.table(lines, traffic))
    for text in (*report.ways(found), "", *notes):
        console.print(text, highlight=False)
    return 0


def size_in_bytes(text: str) -> int:
    """Read a size such as ``50KB``, ``1.5 MiB`` or ``1000``; a KB has 1,024 bytes.

    Raises
    ------
    ArgumentsError
        It is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ArgumentsError(f"--size {text!r} is no size; write it like 800, 50KB or 1.5MB")
    unit = (found[2] or "B").lower().replace("i", "")
    return int(Decimal(found[1]) * _UNITS[unit])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make cost", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--files", type=int, required=True, help="files a month")
    parser.add_argument("--size", required=True, help="of a file on average, such as 50KB")
    parser.add_argument("--plan", type=Path, help="output of terraform show -json")
    parser.add_argument("--var-file", type=Path, help="variables of the root module")
    parser.add_argument("--seconds", type=Decimal, default=Decimal("0.2"), help="for a file")
    for option, what in (("--seconds-of", "seconds for a file"), ("--share", "part of the files")):
        parser.add_argument(
            option,
            action="append",
            default=[],
            metavar="CONSUMER=NUMBER",
            help=f"a consumer's {what}",
        )
    parser.add_argument(
        "--output-ratio", type=Decimal, default=Decimal(1), help="of outputs' sizes"
    )
    parser.add_argument("--items", type=int, default=1, help="written to a table for a file")
    parser.add_argument("--log-bytes", type=int, default=1200, help="logged for a file")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _traffic(options: argparse.Namespace) -> Traffic:
    if options.files < 1:
        raise ArgumentsError(f"--files {options.files}: there must be at least one file a month")
    return Traffic(
        files=options.files,
        file_bytes=size_in_bytes(options.size),
        seconds=options.seconds,
        seconds_of=_by_consumer("--seconds-of", options.seconds_of),
        share_of=_by_consumer("--share", options.share),
        output_ratio=options.output_ratio,
        items=options.items,
        log_bytes=options.log_bytes,
    )


def _by_consumer(option: str, texts: Sequence[str]) -> dict[str, Decimal]:
    values = {}
    for text in texts:
        found = re.fullmatch(r"([^=]+)=(\d+(?:\.\d+)?)", text)
        if not found:
            raise ArgumentsError(f"{option} {text!r}: write it like {option} transform=0.5")
        values[found[1]] = Decimal(found[2])
    return values


def _check_names(inventory: Inventory, traffic: Traffic) -> None:
    known = {consumer.name for consumer in inventory.consumers}
    for name in (*traffic.seconds_of, *traffic.share_of):
        if name not in known:
            raise ArgumentsError(
                f"the plan has no consumer {name!r}; it has {', '.join(sorted(known))}"
            )


def _plan(options: argparse.Namespace) -> object:
    if (options.plan is None) == (options.var_file is None):
        raise ArgumentsError("name one of --plan and --var-file")
    if options.plan is not None:
        return json.loads(options.plan.read_text(encoding="utf-8"))
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    with tempfile.TemporaryDirectory(prefix="cost-") as work:
        variables: Mapping[str, Any] = {}
        stack = Terraform(ROOT, Path(work), environment, variables)
        stack.init()
        return stack.plan(f"-var-file={options.var_file.resolve()}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
