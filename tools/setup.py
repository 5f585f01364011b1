"""Set up this checkout: uv, Python 3.13, the locked environments, Terraform.

Needs any ``python3`` (3.9 or newer, standard library only) and installs nothing outside the
checkout. A step whose result exists is skipped, so every `make` target can call it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Nothing is installed yet.
sys.path.insert(0, str(ROOT / "src"))

from event_pipelines.terraform_executable import (  # noqa: E402
    TerraformNotFoundError,
    write_wrapper,
)

TOOLS = ROOT / ".tools"
UV = TOOLS / "bin" / "uv"
ENVIRONMENT = ROOT / ".venv"
PYTHON_VERSION = "3.13"
# What an environment's installation of this checkout depends on.
METADATA = ROOT / "pyproject.toml"
# The other folders that are imported from, as the lines of a .pth file.
IMPORTED = "".join(f"{ROOT / folder}\n" for folder in ("functions", "src", "."))


class SetupError(Exception):
    """The set-up failed; the message says what to do about it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps named on the command line, by default all of them."""
    steps = {
        "environment": set_up_environment,
        "fuzz": set_up_fuzz,
        "localstack": set_up_localstack,
        "security": set_up_security,
        "terraform": set_up_terraform,
    }
    parser = argparse.ArgumentParser(description="Set up this checkout.")
    parser.add_argument("steps", nargs="*", metavar="|".join(steps), default=list(steps))
    names = parser.parse_args(arguments).steps
    unknown = [name for name in names if name not in steps]
    if unknown:
        parser.error(f"no such step: {', '.join(unknown)}; there are: {', '.join(steps)}")
    try:
        for name in names:
            steps[name]()
    except (SetupError, TerraformNotFoundError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


def set_up_environment() -> None:
    """Create ``.venv`` with exactly the distributions of ``requirements/development.txt``."""
    _install(ENVIRONMENT, ROOT / "requirements" / "development.txt")
    _install_checkout()


def set_up_security() -> None:
    """Create ``.tools/security``: checkov pins versions that differ from the other environments."""
    _install(TOOLS / "security", ROOT / "requirements" / "security.txt")


def set_up_fuzz() -> None:
    """Create ``.tools/fuzz``: Atheris, on top of the development environment."""
    set_up_environment()
    folder = TOOLS / "fuzz"
    _install(folder, ROOT / "requirements" / "fuzz.txt")
    (packages,) = folder.glob("lib/python*/site-packages")
    (development,) = ENVIRONMENT.glob("lib/python*/site-packages")
    _write(packages / "development.pth", f"{IMPORTED}{development}\n")


def _install(folder: Path, lock: Path) -> None:
    """Create an environment with exactly a lock's distributions, unless it is up to date."""
    stamp = folder / ".lock-sha256"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return
    install_uv()
    python = find_python()
    _say(f"creating {folder.relative_to(ROOT)} with {python}")
    _run([UV, "venv", "--quiet", "--clear", "--python", python, folder])
    _say(f"installing {lock.relative_to(ROOT)}")
    python = str(folder / "bin" / "python")
    _run([UV, "pip", "sync", "--quiet", "--require-hashes", "--python", python, lock])
    stamp.write_text(digest, encoding="utf-8")


def _install_checkout() -> None:
    """Install this checkout as an editable distribution, with its command ``pipeline``.

    Again if it was moved, or if its metadata have changed.
    """
    stamp = ENVIRONMENT / ".checkout"
    wanted = f"{ROOT}\n{METADATA.read_text(encoding='utf-8')}{IMPORTED}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    install_uv()
    python = str(ENVIRONMENT / "bin" / "python")
    _run([UV, "pip", "install", "--quiet", "--no-deps", "--python", python, "--editable", ROOT])
    (packages,) = ENVIRONMENT.glob("lib/python*/site-packages")
    _write(packages / "checkout.pth", IMPORTED)
    stamp.write_text(wanted, encoding="utf-8")


def set_up_localstack() -> None:
    """Create the environments of the embedded LocalStack (see src/event_pipelines/localstack)."""
    set_up_environment()
    _run([ENVIRONMENT / "bin" / "pipeline", "localstack", "setup"])


def install_uv() -> None:
    """Install the locked uv into ``.tools`` with the pip of the Python that runs this."""
    lock = ROOT / "tools" / "uv.txt"
    match = re.search(r"^uv==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise SetupError(f"{lock.relative_to(ROOT)} pins no uv")
    wanted = match.group(1)
    if UV.is_file() and _output([UV, "--version"]).split()[1:2] == [wanted]:
        return
    _say(f"installing uv {wanted}")
    target = TOOLS / "uv"
    shutil.rmtree(target, ignore_errors=True)
    _run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        + ["--require-hashes", "--only-binary", ":all:", "--target", target, "-r", lock],
        hint=f"{sys.executable} has no working pip: install it (Debian: python3-pip).",
    )
    UV.parent.mkdir(parents=True, exist_ok=True)
    UV.unlink(missing_ok=True)
    UV.symlink_to(target / "bin" / "uv")


def find_python() -> str:
    """Find CPython 3.13 on PATH or under pyenv, or let uv download it into ``.tools``."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which(f"python{PYTHON_VERSION}")]
    # A pyenv shim is on PATH even if its version isn't activated, and then fails.
    candidates += sorted(map(str, pyenv.glob(f"versions/{PYTHON_VERSION}.*/bin/python")))
    code = "import sys; print('%s %d.%d' % (sys.implementation.name, *sys.version_info[:2]))"
    for candidate in candidates:
        if candidate and _output([candidate, "-c", code]) == f"cpython {PYTHON_VERSION}":
            return candidate
    fetched = {**os.environ, "UV_PYTHON_INSTALL_DIR": str(TOOLS / "python")}
    found = _output([UV, "python", "find", "--managed-python", PYTHON_VERSION], env=fetched)
    if not found:
        _say(f"downloading Python {PYTHON_VERSION}")
        _run(
            [UV, "python", "install", "--quiet", "--no-bin", PYTHON_VERSION],
            env=fetched,
            hint=f"Install Python {PYTHON_VERSION} so that python{PYTHON_VERSION} is on PATH.",
        )
        found = _output([UV, "python", "find", "--managed-python", PYTHON_VERSION], env=fetched)
    return found


def set_up_terraform() -> None:
    """Write ``.tools/bin/terraform``: the executable and the source of the providers."""
    write_wrapper(TOOLS)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _say(text: str) -> None:
    print(f"setup: {text}", file=sys.stderr, flush=True)


def _output(command: Sequence[str | Path], env: dict[str, str] | None = None) -> str:
    """Return the stripped standard output of a command, or nothing if it fails."""
    try:
        done = subprocess.run(
            list(map(str, command)), check=False, capture_output=True, text=True, env=env
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _run(command: Sequence[str | Path], env: dict[str, str] | None = None, hint: str = "") -> None:
    words = list(map(str, command))
    if subprocess.run(words, check=False, cwd=ROOT, env=env).returncode:
        raise SetupError(f"the command failed: {shlex.join(words)}. {hint}".rstrip())


if __name__ == "__main__":
    sys.exit(main())
