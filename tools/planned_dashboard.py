"""Draw the dashboard that a README's example plans: the README's picture, for ``make docs``."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tools import readme_examples
from tools.checkout import ROOT
from tools.dashboard_picture import PictureError, render
from tools.mocked_terraform import Workspace, copy_configurations, plans_in
from tools.running_provider import running_provider

MODULE = "pipeline-dashboard"
PICTURE = Path("modules", MODULE, "dashboard.svg")


class PlanError(Exception):
    """Terraform refuses the example; the message is its output."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the picture."""
    argparse.ArgumentParser(prog="planned_dashboard", description=__doc__).parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dashboard-") as folder:
        workspace = copy_configurations(Path(folder).resolve())
        status, output = workspace.init(workspace.folder)
        if status:
            print(output, file=sys.stderr)
            return 1
        with running_provider(workspace.folder / ".terraform") as provider:
            try:
                picture = draw(replace(workspace, provider=provider))
            except (PlanError, PictureError, LookupError) as error:
                print(f"planned_dashboard: {error}", file=sys.stderr)
                return 1
    (ROOT / PICTURE).write_text(picture, encoding="utf-8")
    return 0


def draw(workspace: Workspace) -> str:
    """Plan the first example of the module's README, and draw its dashboard as SVG.

    Raises
    ------
    PlanError
        Terraform refuses it.
    LookupError
        The example has no dashboard that is known at plan time.
    """
    configuration = workspace.folder / "picture"
    example = readme_examples.examples_in(ROOT / PICTURE.parent / "README.md", MODULE)[0]
    status, output = readme_examples.write(workspace, configuration, [example])
    if not status:
        status, output = workspace.terraform(
            configuration, "test", "-json", "-verbose", f"-filter={readme_examples.TEST_FILE}"
        )
    if status:
        raise PlanError(output)
    return render(dashboard_body_in(output))


def dashboard_body_in(messages: str) -> str:
    """Find the JSON of the one dashboard that a test planned.

    Parameters
    ----------
    messages
        What ``terraform test -json -verbose`` printed.

    Raises
    ------
    LookupError
        There is no dashboard, or more than one, or its JSON isn't known at plan time.
    """
    bodies = [
        resource["change"]["after"].get("dashboard_body")
        for planned in plans_in(messages)
        for resource in planned["test_plan"]["resource_changes"]
        if resource["type"] == "aws_cloudwatch_dashboard"
    ]
    if len(bodies) != 1 or not bodies[0]:
        raise LookupError("the example doesn't plan one dashboard that is known at plan time")
    return str(bodies[0])


if __name__ == "__main__":
    sys.exit(main())
