"""The command line: which pipeline, which command, and how it ends.

Exit codes: 0 all is well, or done; 1 there is trouble, or not all was done; 2 wrong use;
3 AWS or Terraform refused or could not be reached; 130 interrupted.
"""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from object_consumer.errors import SettingError
from operations import terminal
from operations.commands import failures, pause, redrive, replay, resume, status, trace
from operations.errors import REFUSED, WRONG_USE, OperationError, WrongUseError
from operations.session import Session

app = typer.Typer(
    name="pipeline",
    help="See what a pipeline does, what became of a file, and set it right.",
    epilog=(
        "Exit codes: 0 all is well, or done; 1 there is trouble, or not all was done; 2 wrong use; "
        "3 AWS or Terraform refused; 130 interrupted."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# In the order in which `--help` lists them.
for _command in (status, trace, failures, redrive, replay, pause, resume):
    app.command(_command.__name__.rpartition(".")[2])(_command.command)


def main() -> None:
    """Run the command line, and end with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # What the terminal's encoding has no character for is shown as an escape, too.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="pipeline")
    except WrongUseError as error:
        _fail(error, WRONG_USE)
    except (OperationError, ClientError, BotoCoreError, SettingError) as error:
        _fail(error, REFUSED)


def _fail(error: Exception, code: int) -> None:
    print(f"pipeline: {terminal.paragraph(str(error))}", file=sys.stderr)
    sys.exit(code)


@app.callback()
def options(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Option(
            envvar="PIPELINE_NAME",
            help="The pipeline's name. Alone, it is found in AWS, without Terraform.",
        ),
    ] = None,
    outputs: Annotated[
        Path | None,
        typer.Option(envvar="PIPELINE_OUTPUTS", help="A file that `terraform output -json` wrote."),
    ] = None,
    chdir: Annotated[
        Path | None,
        typer.Option(help="The folder where Terraform is asked for its outputs; by default here."),
    ] = None,
) -> None:
    """See what a pipeline does, what became of a file, and set it right."""
    context.obj = Session(name, outputs, chdir)
