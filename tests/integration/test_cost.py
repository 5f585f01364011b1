"""`make cost` plans the root module by itself and reads what the plan says."""

import json
import subprocess
import sys

import pytest

from demo.pipeline import HERE, ROOT

pytestmark = [
    pytest.mark.integration,
    pytest.mark.applies(),
    pytest.mark.usefixtures("stacks"),
]


def test_a_file_of_variables_becomes_a_bill() -> None:
    variables = HERE / "pipeline.tfvars.json"
    command = [sys.executable, "-m", "tools.cost", "--files", "1000000", "--size", "100KB"]

    done = subprocess.run(
        [*command, "--var-file", str(variables), "--json"],
        check=True,
        cwd=ROOT,
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
