"""``pipeline try``: what becomes of files, in LocalStack, before anything is deployed."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from event_pipelines.development.errors import DevelopmentError
from event_pipelines.development.localstack import end_on_signals
from event_pipelines.development.trial import stack as stacks
from event_pipelines.development.trial.presentation import WAIT_SECONDS, present
from event_pipelines.development.trial.uploads import faults
from event_pipelines.operations.discovery import Pipeline
from event_pipelines.operations.errors import TROUBLE


def command(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Files to upload, or folders of them.")
    ],
    *,
    prefix: Annotated[
        str | None,
        typer.Option(help="The key prefix of the files. Default: one that a consumer wants."),
    ] = None,
    source: Annotated[Path, typer.Option(help="The folder of the functions to package.")] = Path(
        "functions"
    ),
    var_file: Annotated[
        list[Path] | None, typer.Option(help="A file with variables for Terraform.")
    ] = None,
    var: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A variable for Terraform.")
    ] = None,
    package: Annotated[
        bool, typer.Option(help="Whether to package the functions, or use what is there.")
    ] = True,
    dead_letters: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A file that a consumer has to dead-letter."),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=1, help="Seconds to wait for the outcomes.")
    ] = WAIT_SECONDS,
    keep: Annotated[
        bool, typer.Option("--keep", envvar="KEEP", help="Keep it running until Ctrl-C.")
    ] = False,
) -> None:
    """Apply this configuration in LocalStack, upload files, and show what becomes of each.

    Packages the functions for this host. Nothing of AWS is used, and the state is a local one.
    """
    console = Console(width=None if sys.stdout.isatty() else 120)
    found = list(_files(files))
    folder = context.obj.chdir or Path()
    options = [f"-var-file={file.absolute()}" for file in var_file or ()]
    options += [f"-var={one}" for one in var or ()]
    end_on_signals()
    with stacks.in_localstack(
        folder, source if package else None, console, options, context.obj.name
    ) as (stack, pipeline, aws):
        keys = {f"{_prefix(pipeline, prefix)}{file.name}": file for file in found}
        outcomes = present(pipeline, keys, aws, console, wait=wait)
        if keep:
            stacks.keep(stack, pipeline, console)
    if found_faults := list(faults(outcomes, dead_letters or ())):
        console.print(f"[red]Not as expected: {escape('; '.join(found_faults))}[/red]")
        sys.exit(TROUBLE)


def _files(given: Iterable[Path]) -> Iterable[Path]:
    for path in given:
        if path.is_dir():
            yield from sorted(file for file in path.iterdir() if file.is_file())
        elif path.is_file():
            yield path
        else:
            raise DevelopmentError(f"{path} does not exist")


def _prefix(pipeline: Pipeline, given: str | None) -> str:
    """Return the prefix for the keys: the first of a filter, unless files need none."""
    if given is not None:
        return given
    filters = [consumer.wanted.prefixes for consumer in pipeline.consumers.values()]
    return "" if not all(filters) else min(filters[0])
