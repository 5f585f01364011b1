"""``make demo``: apply the root module, upload the samples, show the outcome of each, clean up.

``make example NAME=...`` does the same with an example: ``python -m demo NAME``.
"""

import json
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from demo.pipeline import demonstrations
from demo.presentation import present
from event_pipelines import terraform
from event_pipelines.operations.aws import Aws

SCRIPTS = Path(sys.executable).parent

console = Console(width=None if sys.stdout.isatty() else 120)


def main(names: Sequence[str]) -> int:
    """Run the demonstration; the exit code is 0 only if every file has the expected outcome."""
    known = demonstrations()
    name = names[0] if names else ""
    if name not in known:
        examples = ", ".join(filter(None, known))
        print(f"demo: unknown example {name!r}; the examples are: {examples}", file=sys.stderr)
        return 2
    if "AWS_ENDPOINT_URL" not in os.environ:
        command = f"make example NAME={name}" if name else "make demo"
        print(f"demo: needs LocalStack; start it with: {command}", file=sys.stderr)
        return 2
    stack = known[name].terraform(report=_show_resource)
    try:
        with console.status("Applying the pipeline: mostly waiting for SQS, about a minute"):
            stack.init()
            stack.apply()
        good = present(stack.outputs(), known[name].samples, Aws(), console)
    finally:
        if os.environ.get("KEEP"):
            _say_how_to_go_on(stack)
        elif stack.resources():
            with console.status("Removing the pipeline (KEEP=1 leaves it up)"):
                stack.destroy()
            console.print("The pipeline is destroyed. KEEP=1 keeps it running.")
    if not good:
        console.print("[red]Some files have an unexpected outcome: see the table.[/red]")
    return 0 if good else 1


def _show_resource(progress: terraform.Progress) -> None:
    counted = f"{progress.done:>3}/{progress.total}"
    console.print(f"  [dim]{counted} {progress.action} {progress.resource}[/dim]", highlight=False)


def _say_how_to_go_on(stack: terraform.Terraform) -> None:
    outputs = stack.outputs()
    file = stack.work / "outputs.json"
    file.write_text(json.dumps(outputs), encoding="utf-8")
    named = ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    groups = [one["function"]["log_group_name"] for one in outputs["consumers"].values()]
    console.print("\nThe pipeline runs until you press Ctrl-C. In another terminal:\n")
    for line in (
        *(f"export {name}={stack.environment[name]}" for name in named),
        f"export PIPELINE_OUTPUTS={shlex.quote(str(file))}",
        f"export PATH={shlex.quote(str(SCRIPTS))}:$PATH",
        "pipeline status",
        f"aws s3 cp my.json s3://{outputs['bucket']['name']}/incoming/",
        *(f"aws logs tail {group} --follow" for group in groups),
    ):
        # Not wrapped, so that users can copy it.
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
    console.print()
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("Stopping LocalStack and the pipeline.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
