"""``pipeline lock``: resolve the requirements of functions."""

from pathlib import Path
from typing import Annotated

import typer

from event_pipelines.development import locks
from event_pipelines.development.errors import DevelopmentError


def command(
    functions: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FUNCTION]...", help="Default: all with a requirements.in."),
    ] = None,
    *,
    source: Annotated[Path, typer.Option(help="The folder of the functions.")] = Path("functions"),
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Take the newest versions, not those locked before.")
    ] = False,
) -> None:
    """Write requirements.txt from each requirements.in: pinned versions with their hashes."""
    found = sorted(path.parent.name for path in source.glob("*/requirements.in"))
    if not (names := functions or found):
        raise DevelopmentError(f"{source} has no folder with a requirements.in")
    for name in names:
        if name not in found:
            raise DevelopmentError(
                f"{source / name}/requirements.in does not exist. There are: {', '.join(found)}"
            )
        lock = source / name / "requirements.txt"
        locks.resolve(lock.with_suffix(".in"), lock, upgrade=upgrade)
        print(f"{lock}: {len(locks.read(lock))} distributions", flush=True)
