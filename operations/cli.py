"""The command line: the common options, the commands and the exit codes.

Exit codes: 0 all is well, or done; 1 there is a problem, or something could not be done; 2 wrong
usage; 3 AWS or Terraform returned an error or could not be reached; 130 interrupted.
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
    help="Show the state of a pipeline and what happened to a file, and repair failures.",
    epilog=(
        "Exit codes: 0 all is well, or done; 1 there is a problem, or something could not be done; "
        "2 wrong usage; 3 AWS or Terraform returned an error; 130 interrupted."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# In the order of `--help`.
for _command in (status, trace, failures, redrive, replay, pause, resume):
    app.command(_command.__name__.rpartition(".")[2])(_command.command)


def main() -> None:
    """Run the command line, and exit with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # Print characters that the terminal's encoding lacks as escape sequences.
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
            help="The pipeline's name. Without --outputs and --chdir, it is looked up in AWS; with "
            "them, it selects one of several, and must be that of their pipeline.",
        ),
    ] = None,
    outputs: Annotated[
        Path | None,
        typer.Option(envvar="PIPELINE_OUTPUTS", help="A file with `terraform output -json`."),
    ] = None,
    chdir: Annotated[
        Path | None,
        typer.Option(help="The folder of the Terraform configuration; default: the current one."),
    ] = None,
) -> None:
    """Show the state of a pipeline and what happened to a file, and repair failures."""
    context.obj = Session(name, outputs, chdir)
