"""The command line: the common options, the commands and the exit codes.

Exit codes: 0 no problem is known, or done; 1 there is a problem, or something could not be done; 2
wrong usage; 3 AWS or Terraform returned an error or could not be reached; 130 interrupted.
"""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from event_pipelines.development import localstack, lock, new, package, try_files
from event_pipelines.development.errors import DevelopmentError
from event_pipelines.installation import InstallationError
from event_pipelines.localstack.environments import SetUpError
from event_pipelines.localstack.server import LocalStackError
from event_pipelines.operations import terminal
from event_pipelines.operations.commands import (
    discard,
    failures,
    pause,
    redrive,
    replay,
    resume,
    status,
    trace,
)
from event_pipelines.operations.errors import (
    REFUSED,
    TROUBLE,
    WRONG_USE,
    OperationError,
    WrongUseError,
)
from event_pipelines.operations.session import Session
from event_pipelines.terraform import TerraformError
from event_pipelines.terraform_executable import TerraformNotFoundError
from object_consumer.errors import SettingError

# Their messages have lines, which uv and Terraform have written.
DEVELOPMENT_ERRORS = (
    *(DevelopmentError, InstallationError, LocalStackError, SetUpError),
    *(TerraformError, TerraformNotFoundError),
)

app = typer.Typer(
    name="pipeline",
    help="Develop functions, and operate pipelines: their state, what happened to a file, repairs.",
    epilog=(
        "Exit codes: 0 no problem is known, or done; 1 there is a problem, or something could not "
        "be done; 2 wrong usage; 3 AWS or Terraform returned an error; 130 interrupted."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# In the order of `--help`.
app.command("new")(new.command)
app.command("lock")(lock.command)
app.command("package")(package.command)
app.command("try")(try_files.command)
for _command in (status, trace, failures, redrive, discard, replay, pause, resume):
    app.command(_command.__name__.rpartition(".")[2])(_command.command)
app.add_typer(localstack.app)


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
    except DEVELOPMENT_ERRORS as error:
        _fail(error, TROUBLE)


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
    """Develop functions, and operate pipelines: their state, what happened to a file, repairs."""
    context.obj = Session(name, outputs, chdir)
