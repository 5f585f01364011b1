"""What ``make cost`` plans on a mocked AWS: the bill of the demonstration's pipeline."""

import json
import os
import subprocess

import pytest

from tests.integration.clone import NOT_PASSED_ON, ROOT

pytestmark = [
    pytest.mark.integration,
    pytest.mark.applies(),
    pytest.mark.usefixtures("stacks"),
]


def test_a_file_of_variables_becomes_a_bill() -> None:
    command = ["make", "cost", "FILES=1000000", "SIZE=100KB", "COST_OPTIONS=--json"]

    done = subprocess.run(
        command,
        check=True,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON},
        stdout=subprocess.PIPE,
        text=True,
    )

    bill = json.loads(done.stdout)
    quantities = {line["what"]: float(line["quantity"]) for line in bill["lines"]}
    assert quantities["messages published"] == 1_000_000
    assert quantities["transform: files written"] == 1_000_000
    assert "log: files written" not in quantities
    assert quantities["alarms"] == 8
    assert float(bill["total_usd"]) > 1
