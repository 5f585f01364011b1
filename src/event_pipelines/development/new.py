"""``pipeline new``: a repository with a pipeline, one function and its tests."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from event_pipelines.development import locks
from event_pipelines.development.errors import DevelopmentError
from event_pipelines.installation import DISTRIBUTION, find_uv, version

# A bucket, which is named after it, has at most 63 characters, and function names have 64:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}[a-z0-9]")
_SUFFIX = ".template"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where this distribution was installed from.

    Attributes
    ----------
    requirement
        What comes after its name in a requirement: a URL or a version.
    modules
        The source of its Terraform modules; None if unknown.
    """

    requirement: str
    modules: str | None = None


def command(
    name: Annotated[str, typer.Argument(help="The name of the pipeline, and of the new folder.")],
    *,
    modules: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="The source of the Terraform modules. Default: the repository and the revision "
            "that this command was installed from.",
        ),
    ] = None,
    environment: Annotated[
        bool, typer.Option(help="Lock the dependencies and create .venv, which needs a network.")
    ] = True,
) -> None:
    """Create a repository: a pipeline, one function, its tests, a sample file and a Makefile."""
    if not _NAME.fullmatch(name):
        raise DevelopmentError(
            f"{name}: a name has 3 to 32 lower-case letters, digits and hyphens, begins with a "
            "letter and does not end with a hyphen"
        )
    folder = Path(name)
    if folder.exists() and any(folder.iterdir()):
        raise DevelopmentError(f"{folder} exists and is not empty: choose another name or folder")
    origin = installed_from()
    source = modules or origin.modules
    if source is None:
        raise DevelopmentError(
            "this command was not installed from a git repository, so it doesn't know where the "
            "Terraform modules are: name them with --modules "
            f"'git::https://example.com/{DISTRIBUTION}.git?ref=v{version()}'"
        )
    write(folder, name, source, origin)
    if environment:
        _set_up(folder)
    done = "make test" if environment else "make lock setup test"
    print(f"{folder}: created. Next: cd {folder} && {done} && make try")


def installed_from() -> Origin:
    """Read where this distribution was installed from.

    https://packaging.python.org/en/latest/specifications/direct-url/

    Raises
    ------
    DevelopmentError
        From a checkout: other machines don't have it.
    """
    text = metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    if text is None:
        return Origin(f"=={version()}")
    found = json.loads(text)
    url = found["url"]
    if git := found.get("vcs_info"):
        revision = git.get("requested_revision") or git["commit_id"]
        return Origin(f" @ git+{url}@{revision}", f"git::{url}?ref={revision}")
    if "dir_info" in found:
        raise DevelopmentError(
            f"{DISTRIBUTION} is installed from the folder {url}: install it from its repository or "
            "from a wheel, so that other machines can install the same"
        )
    return Origin(f" @ {url}")


def write(folder: Path, name: str, modules: str, origin: Origin) -> None:
    """Write the files of the repository."""
    values = {
        "@NAME@": name,
        "@MODULES@": modules,
        "@RUNTIME@": f"{DISTRIBUTION}{origin.requirement}",
        "@TOOL@": f"{DISTRIBUTION}[tool]{origin.requirement}",
    }
    _copy(resources.files("event_pipelines.development").joinpath("template"), folder, values)


def _copy(source: Traversable, target: Path, values: Mapping[str, str]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, target / entry.name, values)
        elif entry.name.endswith(_SUFFIX):
            text = entry.read_text(encoding="utf-8")
            for place, value in values.items():
                text = text.replace(place, value)
            name = entry.name.removesuffix(_SUFFIX).replace("gitignore", ".gitignore")
            (target / name).write_text(text, encoding="utf-8")


def _set_up(folder: Path) -> None:
    """Lock the dependencies, and create the environment with the Python that runs this."""
    for source in (folder / "requirements.in", *folder.glob("functions/*/requirements.in")):
        print(f"locking {source}", flush=True)
        locks.resolve(source, source.with_suffix(".txt"), upgrade=False)
    print(f"creating {folder / '.venv'}", flush=True)
    path = os.pathsep.join((str(Path(find_uv()).parent), os.environ.get("PATH", os.defpath)))
    # Another environment that is active must not be changed instead.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        ["make", "--no-print-directory", "setup", f"PYTHON={sys.executable}"],
        check=False,
        cwd=folder,
        env={**environment, "PATH": path},
    )
    if done.returncode:
        raise DevelopmentError(f"{folder} is written, but make setup failed there: see above")
