"""What `make demo` and `make example` do: show what became of each sample, and clean up."""

import io
import re
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from event_pipelines.development.trial.presentation import present
from event_pipelines.development.trial.uploads import faults
from event_pipelines.operations import discovery
from tests.integration.configurations import EXAMPLES, ROOT
from tests.integration.pipeline import AppliedPipeline, Clients
from tests.integration.stacks import Stacks

pytestmark = pytest.mark.integration

# The consumers that read files; the others only log events.
READERS = {"convert", "load", "transform"}


@pytest.mark.applies("demonstration")
def test_the_demonstration_shows_every_sample_and_leaves_nothing(
    stacks: Stacks, demonstration: subprocess.Popen[str], clients: Clients
) -> None:
    output, _ = demonstration.communicate(timeout=300)

    assert demonstration.returncode == 0, output
    for sample in ("orders.json", "prices.csv", "events.jsonl", "日本.json"):
        assert sample in output
    assert "broken.json was dead-lettered by transform" in output
    assert "line 3, column 31" in output
    assert "$ pipeline --name demo status" in output
    assert "transform: 1 message was dead-lettered: pipeline failures transform" in output
    assert "transform: dead-lettered: RecordFormatError: line 3, column 31" in output
    assert "transform: done: s3://demo-files/processed/incoming/events.jsonl.json" in output
    assert "demo-files" not in {bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]}
    assert not clients.sqs.list_queues(QueueNamePrefix="demo-").get("QueueUrls")


def samples_of(name: str) -> list[Path]:
    """List an example's samples, or those of all; the first one is broken."""
    own = ROOT / "examples" / name / "samples"
    return sorted((own if own.is_dir() else ROOT / "examples" / "samples").iterdir())


def demonstrate(name: str) -> Callable[[AppliedPipeline, ExitStack], tuple[list[str], str]]:
    """Make what `make example` does between apply and destroy, with the stack of the tests.

    The stack is the same but for variables that only other tests need; that the command applies
    it and cleans up is seen at the root module, where all of the command runs.
    """

    def beginning(pipeline: AppliedPipeline, _cleanup: ExitStack) -> tuple[list[str], str]:
        shown = Console(file=io.StringIO(), width=200)
        found = discovery.by_outputs(pipeline.outputs, None, pipeline.clients)
        broken, *_ = samples = samples_of(name)
        files = {f"incoming/{sample.name}": sample for sample in samples}
        outcomes = present(found, files, pipeline.clients, shown)
        readers = READERS & set(found.consumers)
        unexpected = list(faults(outcomes, {broken.name} if readers else ()))
        assert isinstance(shown.file, io.StringIO)
        return unexpected, shown.file.getvalue()

    return beginning


def shown_by(name: str) -> Any:
    begins = pytest.mark.begins(name, demonstrate(name))
    return pytest.param(name, marks=[pytest.mark.applies(name), begins])


@pytest.mark.parametrize("name", [shown_by(name) for name in EXAMPLES])
def test_an_example_shows_what_became_of_its_samples(
    request: pytest.FixtureRequest, stacks: Stacks, name: str
) -> None:
    (mark,) = request.node.iter_markers("begins")

    unexpected, shown = stacks.begun[mark.args[1]].result()

    assert unexpected == [], shown
    # A pipeline of the root module is told from others by its name.
    command = rf"\$ pipeline (--name {name} )?"
    assert re.search(f"{command}status", shown)
    readers = READERS & set(stacks[name].outputs()["consumers"])
    broken, good = samples_of(name)
    # The first file that was processed, and the dead-lettered ones.
    first = good if readers else broken
    assert re.search(f"{command}trace incoming/{first.name}", shown)
    for reader in readers:
        assert f"{broken.name} was dead-lettered by {reader}" in shown
        assert ("line 3, column 27" if broken.suffix == ".json" else "line 3: Expected") in shown
