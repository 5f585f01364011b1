"""``make demo``: apply the root module, upload the samples, show what became of each, clean up.

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
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from demo.pipeline import BROKEN, Outcome, Pipeline, demonstrations
from demo.report import explain, table
from operations import discovery, show
from operations.aws import Aws
from operations.status import status
from operations.trace import trace
from tools import terraform

WAIT_SECONDS = 90
SCRIPTS = Path(sys.executable).parent

console = Console(width=None if sys.stdout.isatty() else 120)


def main(names: Sequence[str]) -> int:
    """Run the demonstration; the exit code is 0 only if every file fared as it should."""
    known = demonstrations()
    name = names[0] if names else ""
    if name not in known:
        examples = ", ".join(filter(None, known))
        print(f"demo: there is no example {name!r}; there are: {examples}", file=sys.stderr)
        return 2
    if "AWS_ENDPOINT_URL" not in os.environ:
        command = f"make example NAME={name}" if name else "make demo"
        print(f"demo: runs in LocalStack, start it by: {command}", file=sys.stderr)
        return 2
    stack = known[name].terraform(report=_show_resource)
    samples = sorted(known[name].samples.iterdir())
    try:
        with console.status("Applying the pipeline: mostly waiting for SQS, about a minute"):
            stack.init()
            stack.apply()
        pipeline = Pipeline(stack.outputs())
        console.print(f"\nThe pipeline is up. Uploading {len(samples)} files.\n")
        outcomes = _drive(pipeline, samples)
        console.print(table(outcomes))
        for line in explain(outcomes):
            console.print(line)
        _operate(stack, [f"incoming/{sample.name}" for sample in samples], name)
        good = all(outcome.is_as_expected for outcome in outcomes)
    finally:
        if os.environ.get("KEEP"):
            _say_how_to_go_on(stack)
        elif stack.resources():
            with console.status("Removing the pipeline (KEEP=1 leaves it up)"):
                stack.destroy()
            console.print("The pipeline is removed. KEEP=1 leaves it up to look around.")
    if not good:
        console.print("[red]Not every file fared as it should: see the table.[/red]")
    return 0 if good else 1


def _drive(pipeline: Pipeline, samples: Sequence[Path]) -> list[Outcome]:
    """Upload the samples and follow each until every consumer is done with it."""
    for sample in samples:
        pipeline.upload(f"incoming/{sample.name}", sample.read_bytes())
    deadline = time.monotonic() + WAIT_SECONDS
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        waiting = progress.add_task("waiting")
        outcomes = pipeline.outcomes()
        while any(outcome.is_pending for outcome in outcomes) and time.monotonic() < deadline:
            pending = sum(outcome.is_pending for outcome in outcomes)
            progress.update(
                waiting, description=f"{len(outcomes) - pending} of {len(outcomes)} outcomes"
            )
            time.sleep(0.25)
            outcomes = pipeline.outcomes()
    return outcomes


def _operate(stack: terraform.Terraform, keys: Sequence[str], example: str) -> None:
    """Show what the operator's tool tells of the pipeline, of a good file and of the bad one."""
    aws = Aws()
    pipeline = discovery.by_outputs(stack.outputs(), None, aws)
    command = "pipeline" if example else f"pipeline --name {pipeline.name}"
    console.print(f"\n[bold]$ {command} status[/bold]\n")
    console.print(show.status(pipeline.name, status(pipeline, aws)))
    good = next(key for key in keys if not key.endswith(BROKEN))
    for key in (good, *(key for key in keys if key.endswith(BROKEN))):
        console.print(f"\n[bold]$ {command} trace {escape(key)}[/bold]\n", highlight=False)
        console.print(show.story(trace(pipeline, key, aws)))
    console.print()


def _show_resource(progress: terraform.Progress) -> None:
    counted = f"{progress.done:>3}/{progress.total}"
    console.print(f"  [dim]{counted} {progress.action} {progress.resource}[/dim]", highlight=False)


def _say_how_to_go_on(stack: terraform.Terraform) -> None:
    outputs = stack.outputs()
    file = stack.work / "outputs.json"
    file.write_text(json.dumps(outputs), encoding="utf-8")
    named = ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    groups = [one["function"]["log_group_name"] for one in outputs["consumers"].values()]
    console.print("\nThe pipeline stays up until you press Ctrl-C. In another terminal:\n")
    for line in (
        *(f"export {name}={stack.environment[name]}" for name in named),
        f"export PIPELINE_OUTPUTS={shlex.quote(str(file))}",
        f"export PATH={shlex.quote(str(SCRIPTS))}:$PATH",
        "pipeline status",
        f"aws s3 cp my.json s3://{outputs['bucket']['name']}/incoming/",
        *(f"aws logs tail {group} --follow" for group in groups),
    ):
        # Not wrapped, so that it can be copied.
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
    console.print()
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("Stopping LocalStack, and the pipeline with it.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
