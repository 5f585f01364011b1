"""Find Terraform or OpenTofu, and a mirror of the AWS provider.

The standard library of Python 3.9 suffices, because set-up runs this before anything is installed.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

MINIMUM = (1, 9)
PROVIDER = Path("hashicorp") / "aws"

# Common folders for an unpacked provider mirror, searched two levels deep.
MIRROR_PREFIXES = ("/opt", "/usr/local", "/usr/local/share", "/usr/share", "/usr/lib", "/var/lib")


class TerraformNotFoundError(Exception):
    """There is no usable Terraform, or no such mirror; the message says what to do about it."""


def write_wrapper(folder: Path) -> Path:
    """Write ``<folder>/bin/terraform``, which configures a provider mirror if there is one.

    Everything calls this wrapper, so one place selects the binary and the source of the providers.

    Raises
    ------
    TerraformNotFoundError
        There is no Terraform that is new enough, or TF_PLUGIN_MIRROR names no mirror.
    """
    wrapper = folder / "bin" / "terraform"
    binary, version = find_terraform(os.environ, wrapper)
    lines = [
        "#!/bin/sh",
        f"# Terraform {version}, as set-up found it.",
        "export CHECKPOINT_DISABLE=1",
    ]
    configured = os.environ.get("TF_CLI_CONFIG_FILE", "")
    mirror = find_mirror(os.environ, MIRROR_PREFIXES, registry_host(binary))
    if mirror is not None:
        configuration = folder / "terraform.tfrc"
        _write(configuration, mirror_configuration(mirror, registry_host(binary)))
        lines.append(f"export TF_CLI_CONFIG_FILE={shlex.quote(str(configuration))}")
    else:
        if configured and not Path(configured).is_file():
            lines.append("unset TF_CLI_CONFIG_FILE # it named a file that does not exist")
        cache = folder / "terraform-plugins"
        cache.mkdir(parents=True, exist_ok=True)
        lines.append(f'export TF_PLUGIN_CACHE_DIR="${{TF_PLUGIN_CACHE_DIR:-{cache}}}"')
        lines.append("export TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE=1")
    lines.append(f'exec {shlex.quote(binary)} "$@"')
    _write(wrapper, "\n".join(lines) + "\n")
    wrapper.chmod(0o755)
    return wrapper


def find_terraform(environment: Mapping[str, str], wrapper: Path) -> tuple[str, str]:
    """Find a Terraform or OpenTofu that is new enough for the modules, and its version.

    ``TERRAFORM`` has priority and must be valid if it is set. The wrapper itself is ignored.
    """
    explicit = environment.get("TERRAFORM")
    rejected = []
    for name in [explicit] if explicit else ["terraform", "tofu"]:
        binary = shutil.which(name)
        if binary is None or Path(binary).absolute() == wrapper.absolute():
            continue
        try:
            version = json.loads(_output([binary, "version", "-json"]))["terraform_version"]
        except (ValueError, KeyError):
            rejected.append(f"{binary} does not support `version -json`")
            continue
        if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= MINIMUM:
            return binary, version
        rejected.append(f"{binary} is {version}")
    minimum = ".".join(map(str, MINIMUM))
    found = f" ({'; '.join(rejected)})" if rejected else ""
    if explicit:
        raise TerraformNotFoundError(
            f"TERRAFORM={explicit} is no Terraform or OpenTofu {minimum} or newer{found}: name its "
            "executable, or unset the variable"
        )
    raise TerraformNotFoundError(
        f"no Terraform or OpenTofu {minimum} or newer found{found}. Get it from "
        "https://developer.hashicorp.com/terraform/install or "
        "https://opentofu.org/docs/intro/install, put it on PATH, "
        "or name it: TERRAFORM=/path/to/terraform"
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
            raise TerraformNotFoundError(
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


def _output(command: list[str]) -> str:
    """Return the standard output of a command, or nothing if it fails."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
