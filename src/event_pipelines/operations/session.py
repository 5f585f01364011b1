"""One run of the tool: its pipeline, its clients, its output and prompts."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.status import Status
from rich.text import Text

from event_pipelines.operations import discovery, terminal
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.discovery import Pipeline
from event_pipelines.operations.errors import WrongUseError
from event_pipelines.operations.terminal import Terminal


@dataclass
class Session:
    """The common options, clients and consoles.

    Attributes
    ----------
    name, outputs, chdir
        How to find the pipeline.
    aws
        The clients.
    console, errors
        Standard output, and standard error.
    """

    name: str | None
    outputs: Path | None
    chdir: Path | None
    aws: Aws = field(default_factory=Aws)
    console: Terminal = field(
        default_factory=lambda: Terminal(width=None if sys.stdout.isatty() else 140)
    )
    errors: Terminal = field(default_factory=lambda: Terminal(stderr=True))

    @cached_property
    def pipeline(self) -> Pipeline:
        """The pipeline, looked up when it is first needed."""
        if self.outputs is not None:
            return discovery.by_outputs(discovery.read_outputs(self.outputs), self.name, self.aws)
        if self.name is not None and self.chdir is None:
            return discovery.by_name(self.name, self.aws)
        told = discovery.ask_terraform(self.chdir or Path())
        return discovery.by_outputs(told, self.name, self.aws)

    def print_json(self, document: object) -> None:
        """Print a document for a program."""
        is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        sys.stdout.write(terminal.encoded(document, only_ascii=not is_unicode) + "\n")

    def tell(self, document: object, texts: Iterable[str], *, json: bool) -> None:
        """Print a result: a document for a program, or lines for people."""
        if json:
            self.print_json(document)
        else:
            self.console.lines(texts)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask for confirmation, unless it is given; end the command if the answer is no."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise WrongUseError(f"{question} There is no terminal to ask: use --yes")
        typer.confirm(terminal.visible(question), abort=True, err=True)

    def waiting(self, text: str) -> Status:
        """Show what the tool is waiting for, on standard error."""
        return self.errors.status(Text(terminal.visible(text)))

    def tell_unseen(self, consumer: str, unseen: str) -> None:
        """Report on standard error which messages could not be read, if any."""
        if unseen:
            self.errors.lines([f"{consumer}: {unseen}"])

    def progress(self) -> Progress:
        """Create a progress bar on standard error."""
        description = TextColumn("{task.description}", markup=False)
        columns = (description, BarColumn(), MofNCompleteColumn())
        return Progress(*columns, TimeRemainingColumn(), console=self.errors, transient=True)
