"""Where this distribution is installed, and where it keeps the tools that it sets up."""

import shutil
import sys
from importlib import metadata
from pathlib import Path

import platformdirs

DISTRIBUTION = "event-driven-pipelines"
# What functions import, beside what they install.
RUNTIME_PACKAGES = ("circuit_state", "object_consumer", "record_formats")
# Of Lambda's runtime, whose byte code is compiled here, and of LocalStack's environments.
PYTHON_VERSION = (3, 13)
SOURCES = Path(__file__).resolve().parents[1]


def _checkout() -> Path | None:
    folder = SOURCES.parent
    is_checkout = SOURCES.name == "src" and (folder / "pyproject.toml").is_file()
    return folder if is_checkout else None


# The checkout that this runs from; None if a wheel is installed.
CHECKOUT = _checkout()


class InstallationError(Exception):
    """A program is missing; the message says how to get it."""


def version() -> str:
    """Return the version of this distribution."""
    return metadata.version(DISTRIBUTION)


def tools_folder() -> Path:
    """Return the folder of LocalStack's environments: of the checkout, or in the user's cache."""
    if CHECKOUT is not None:
        return CHECKOUT / ".tools"
    return platformdirs.user_cache_path(DISTRIBUTION)


def find_uv() -> str:
    """Find uv: next to this Python, in a checkout's tools, or on PATH.

    Raises
    ------
    InstallationError
        There is none.
    """
    for folder in (Path(sys.prefix) / "bin", tools_folder() / "bin"):
        if (folder / "uv").is_file():
            return str(folder / "uv")
    found = shutil.which("uv")
    if found is None:
        raise InstallationError(
            "uv is missing: run make setup"
            if CHECKOUT is not None
            else f'uv is missing: pip install "{DISTRIBUTION}[tool]"'
        )
    return found
