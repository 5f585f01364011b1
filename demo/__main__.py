"""``make demo``: apply the root module, upload the samples, show the outcome of each, clean up.

``make example NAME=...`` does the same with an example: ``python -m demo NAME``.
"""

import os
import sys
from collections.abc import Sequence

from rich.console import Console

from demo.pipeline import demonstrations, is_expected
from event_pipelines.development.trial.presentation import present
from event_pipelines.development.trial.stack import applied, keep, pipeline_of
from event_pipelines.operations.aws import Aws

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
    shown = known[name]
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    with applied(shown.configuration, environment, shown.variables, (), console) as stack:
        aws = Aws()
        pipeline = pipeline_of(stack, None, aws)
        good = present(pipeline, shown.files, aws, console, expected=is_expected)
        if os.environ.get("KEEP"):
            keep(stack, pipeline, console)
    if not os.environ.get("KEEP"):
        console.print("The pipeline is destroyed. KEEP=1 keeps it running.")
    if not good:
        console.print("[red]Some files have an unexpected outcome: see the table.[/red]")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
