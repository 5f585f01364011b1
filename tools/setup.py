"""Set up this checkout: uv, Python 3.13, the locked environments, Terraform.

Needs any ``python3`` (3.9 or newer, standard library only) and installs nothing outside the
checkout. A step whose result exists is skipped, so every `make` target can call it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
UV = TOOLS / "bin" / "uv"
ENVIRONMENT = ROOT / ".venv"
PYTHON_VERSION = "3.13"
# The folders of this checkout that the environments import from, as the lines of a .pth file.
IMPORTED = "".join(f"{ROOT / folder}\n" for folder in ("functions", "libraries", "."))
TERRAFORM_MINIMUM = (1, 9)
PROVIDER = Path("hashicorp") / "aws"

# Common folders for an unpacked provider mirror, searched two levels deep.
MIRROR_PREFIXES = ("/opt", "/usr/local", "/usr/local/share", "/usr/share", "/usr/lib", "/var/lib")


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
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


def set_up_environment() -> None:
    """Create ``.venv`` with exactly the distributions of ``requirements/development.txt``."""
    _install(ENVIRONMENT, ROOT / "requirements" / "development.txt")
    # Each time: the folders change without the lock, and the checkout can be moved.
    (packages,) = ENVIRONMENT.glob("lib/python*/site-packages")
    install_checkout(packages, ENVIRONMENT / "bin")


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


def install_checkout(packages: Path, scripts: Path) -> None:
    """Let the environment's Python import this checkout, and install the command ``pipeline``.

    The command works from any folder.
    """
    _write(packages / "checkout.pth", IMPORTED)
    command = scripts / "pipeline"
    python = shlex.quote(str(scripts / "python"))
    _write(command, f'#!/bin/sh\nexec {python} -m operations "$@"\n')
    command.chmod(0o755)


def set_up_localstack() -> None:
    """Create the environments of the embedded LocalStack (see tools/localstack)."""
    set_up_environment()
    _run([ENVIRONMENT / "bin" / "python", "-m", "tools.localstack", "setup"])


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
    """Write ``.tools/bin/terraform``, a wrapper that configures a provider mirror if there is one.

    Everything in the repository calls this wrapper, so one place selects the binary and the source
    of the providers.
    """
    binary, version = find_terraform()
    lines = [
        "#!/bin/sh",
        f"# Terraform {version}, as set-up found it.",
        "export CHECKPOINT_DISABLE=1",
    ]
    configured = os.environ.get("TF_CLI_CONFIG_FILE", "")
    mirror = find_mirror(os.environ, MIRROR_PREFIXES, registry_host(binary))
    if mirror is not None:
        configuration = TOOLS / "terraform.tfrc"
        _write(configuration, mirror_configuration(mirror, registry_host(binary)))
        lines.append(f"export TF_CLI_CONFIG_FILE={shlex.quote(str(configuration))}")
    else:
        if configured and not Path(configured).is_file():
            lines.append("unset TF_CLI_CONFIG_FILE # it named a file that does not exist")
        cache = TOOLS / "terraform-plugins"
        cache.mkdir(parents=True, exist_ok=True)
        lines.append(f'export TF_PLUGIN_CACHE_DIR="${{TF_PLUGIN_CACHE_DIR:-{cache}}}"')
        lines.append("export TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE=1")
    lines.append(f'exec {shlex.quote(binary)} "$@"')
    wrapper = TOOLS / "bin" / "terraform"
    _write(wrapper, "\n".join(lines) + "\n")
    wrapper.chmod(0o755)


def find_terraform() -> tuple[str, str]:
    """Find a Terraform or OpenTofu that is new enough for the modules."""
    rejected = []
    for name in filter(None, [os.environ.get("TERRAFORM"), "terraform", "tofu"]):
        binary = shutil.which(name)
        # Skip the wrapper that this script writes.
        if binary is None or Path(binary).parent == TOOLS / "bin":
            continue
        try:
            version = json.loads(_output([binary, "version", "-json"]))["terraform_version"]
        except (ValueError, KeyError):
            rejected.append(f"{binary} does not support `version -json`")
            continue
        if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= TERRAFORM_MINIMUM:
            return binary, version
        rejected.append(f"{binary} is {version}")
    minimum = ".".join(map(str, TERRAFORM_MINIMUM))
    found = f" ({'; '.join(rejected)})" if rejected else ""
    raise SetupError(
        f"no Terraform or OpenTofu {minimum} or newer found{found}. Get it from "
        "https://developer.hashicorp.com/terraform/install or "
        "https://opentofu.org/docs/intro/install, put it on PATH, "
        "or name it: make TERRAFORM=/path/to/terraform"
    )


def registry_host(binary: str) -> str:
    """Return the binary's default provider registry."""
    opentofu = Path(binary).name.startswith("tofu")
    return "registry.opentofu.org" if opentofu else "registry.terraform.io"


def find_mirror(environment: Mapping[str, str], prefixes: Iterable[str], host: str) -> Path | None:
    """Find a folder with the AWS provider in the layout of ``terraform providers mirror``.

    ``TF_PLUGIN_MIRROR`` has priority and must be valid if it is set. If ``TF_CLI_CONFIG_FILE``
    names an existing file, the user has configured the source, and nothing is searched.
    """
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    target = f"{platform.system().lower()}_{machine}"

    def holds_provider(folder: Path) -> bool:
        provider = folder / host / PROVIDER
        return any(provider.glob(f"*/{target}")) or any(provider.glob(f"*_{target}.zip"))

    explicit = environment.get("TF_PLUGIN_MIRROR")
    if explicit:
        if not holds_provider(Path(explicit)):
            raise SetupError(
                f"TF_PLUGIN_MIRROR={explicit} has no {host}/{PROVIDER}/<version>/{target}: "
                "name the folder above the one called after the registry, or unset the variable."
            )
        return Path(explicit)
    if Path(environment.get("TF_CLI_CONFIG_FILE") or os.devnull).is_file():
        return None
    for prefix in map(Path, prefixes):
        for pattern in (host, f"*/{host}", f"*/*/{host}"):
            for found in sorted(prefix.glob(pattern)):
                if holds_provider(found.parent):
                    return found.parent
    return None


def mirror_configuration(mirror: Path, host: str) -> str:
    """Write a Terraform CLI configuration that installs the AWS provider only from the mirror.

    https://developer.hashicorp.com/terraform/cli/config/config-file#provider-installation
    """
    provider = f"{host}/{PROVIDER.as_posix()}"
    return (
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        f"    path    = {json.dumps(str(mirror))}\n"
        f"    include = [{json.dumps(provider)}]\n"
        "  }\n"
        "  direct {\n"
        f"    exclude = [{json.dumps(provider)}]\n"
        "  }\n"
        "}\n"
    )


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
