"""The configurations that are demonstrated, and the expected outcome of each file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from event_pipelines.development.trial.uploads import Outcome
from tools.checkout import ROOT

HERE = Path(__file__).resolve().parent
EXAMPLES = ROOT / "examples"
BROKEN = "broken.json"
# The consumers that read files; the others only log events.
READERS = {"load", "transform"}


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A configuration to apply and run: the root module, or one of the examples.

    Attributes
    ----------
    configuration
        The folder of the configuration.
    variables
        Its variables.
    samples
        The folder of the files to upload.
    """

    configuration: Path
    variables: Mapping[str, Any]
    samples: Path

    @property
    def files(self) -> Mapping[str, Path]:
        """The files to upload, by their keys."""
        return {f"incoming/{file.name}": file for file in sorted(self.samples.iterdir())}


def demonstrations() -> dict[str, Demonstration]:
    """Return the examples by the names of their folders, and the root module by an empty name."""
    variables = json.loads((HERE / "pipeline.tfvars.json").read_text(encoding="utf-8"))
    found = {"": Demonstration(ROOT, variables, HERE / "samples")}
    for file in sorted(EXAMPLES.glob("*/main.tf")):
        name = file.parent.name
        variables = {
            "bucket_name": f"{name}-files",
            "force_destroy": True,
            "name": name,
            "packages": str(ROOT / "build" / "localstack"),
        }
        found[name] = Demonstration(file.parent, variables, EXAMPLES / "samples")
    return found


def is_expected(outcome: Outcome) -> bool:
    """Whether a valid file is done, and the broken one dead-lettered by those that read it."""
    if outcome.file == BROKEN and outcome.consumer in READERS:
        return outcome.status == "permanent" and bool(outcome.reason)
    return outcome.status == "done"
