"""Terraform in a copy of the configurations, for plans with a mocked provider.

What Terraform writes goes to the copy, not into the source tree; neither credentials nor a network
are needed.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.checkout import ROOT, TERRAFORM

TESTS = ROOT / "tests" / "terraform"
MOCKS = TESTS / "mocks"
# Stands in for the packages that examples name.
PACKAGE = TESTS / "packages" / "load_orders.zip"
_STEERING = ("TF_CLI_ARGS", "TF_DATA_DIR", "TF_VAR_", "TF_WORKSPACE")


@dataclass(frozen=True, slots=True)
class Workspace:
    """A copy of the configurations, where Terraform may write.

    Attributes
    ----------
    folder
        The copy.
    provider
        The environment in which Terraform finds a provider that runs already.
    """

    folder: Path
    provider: Mapping[str, str] = field(default_factory=dict)

    def terraform(self, configuration: Path, *arguments: str) -> tuple[int, str]:
        """Run Terraform and return its exit status and all it printed."""
        with self.running(configuration, *arguments) as process:
            output = process.communicate()[0]
        return process.returncode, output

    def running(self, configuration: Path, *arguments: str) -> subprocess.Popen[str]:
        """Start Terraform; what it prints can be read line by line."""
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(_STEERING)},
            "TF_IN_AUTOMATION": "1",
            **self.provider,
        }
        return subprocess.Popen(
            [str(TERRAFORM), f"-chdir={configuration}", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )

    def init(self, configuration: Path, *arguments: str) -> tuple[int, str]:
        """Install what a configuration needs."""
        return self.terraform(
            configuration, "init", "-backend=false", "-input=false", "-no-color", *arguments
        )


def plans_in(output: str) -> list[dict[str, Any]]:
    """Find the plans in the output of ``terraform test -json -verbose``, one for each run.

    ``@testrun`` of each is the name of its run, ``test_plan`` the plan:
    https://developer.hashicorp.com/terraform/internals/machine-readable-ui
    """
    messages = (json.loads(line) for line in output.splitlines() if line[:1] == "{")
    return [message for message in messages if message["type"] == "test_plan"]


def copy_configurations(folder: Path) -> Workspace:
    """Copy the root configuration, the modules and the tests into a folder."""
    left_out = shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__")
    for file in ROOT.glob("*.tf"):
        shutil.copyfile(file, folder / file.name)
    shutil.copytree(ROOT / "modules", folder / "modules", ignore=left_out)
    shutil.copytree(TESTS, folder / TESTS.relative_to(ROOT), ignore=left_out)
    return Workspace(folder)
