"""Run Terraform from Python, for the demonstration, the tests and the cost estimate.

State and downloaded modules are kept in a work folder, never in the source tree. Errors contain
Terraform's diagnostics; an apply reports each resource when it is finished.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from event_pipelines.installation import CHECKOUT, tools_folder
from event_pipelines.terraform_executable import write_wrapper

_DATA_SOURCE = re.compile(r"(^|\.)data\.")


@cache
def executable() -> Path:
    """Return the wrapper of Terraform or OpenTofu; in a checkout, set-up has written it.

    Raises
    ------
    TerraformNotFoundError
        There is no Terraform, or none that is new enough.
    """
    wrapper = tools_folder() / "bin" / "terraform"
    if CHECKOUT is not None and wrapper.is_file():
        return wrapper
    return write_wrapper(tools_folder())


class TerraformError(Exception):
    """Terraform failed; the message contains its diagnostics."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of an apply or a destroy."""

    resource: str
    action: str
    done: int
    total: int


@dataclass(frozen=True)
class Terraform:
    """One configuration with its own state.

    Attributes
    ----------
    configuration
        The folder of the root module.
    work
        The folder for the state, the providers and the variables; created if missing.
    environment
        Environment variables for Terraform: credentials, region, ``AWS_ENDPOINT_URL``.
    variables
        Values of the root module's variables.
    report
        Called for each resource when an apply or a destroy has finished it.
    options
        Options of the commands that plan, such as ``-var-file``; the variables have priority.
    """

    configuration: Path
    work: Path
    environment: Mapping[str, str]
    variables: Mapping[str, Any]
    report: Callable[[Progress], None] = lambda _progress: None
    options: Sequence[str] = ()

    def init(self) -> None:
        """Install the providers and modules of the configuration."""
        self.work.mkdir(parents=True, exist_ok=True)
        self._text("init", "-input=false", "-no-color")

    def apply(self, *arguments: str) -> dict[str, str]:
        """Apply the configuration; return the action for each address."""
        return self._watch("apply", "-auto-approve", *self._variables(), *arguments)

    def apply_plan(self) -> dict[str, str]:
        """Apply the last result of `plan`; return the action for each address."""
        return self._watch("apply", *self._state(), str(self._plan_file))

    def destroy(self) -> None:
        """Destroy every resource in the state."""
        self._watch("destroy", "-auto-approve", *self._variables())

    def changes(self) -> dict[str, str]:
        """Plan, and return the action for each address that would change.

        Changed outputs count too, under ``output.<name>``.
        """
        changed = {}
        for event in self._events("plan", *self._variables(), "-lock=false"):
            match event.get("type"):
                case "planned_change" if event["change"]["action"] not in {"noop", "read"}:
                    changed[event["change"]["resource"]["addr"]] = event["change"]["action"]
                case "outputs":
                    for name, output in event["outputs"].items():
                        if output.get("action", "noop") != "noop":
                            changed[f"output.{name}"] = output["action"]
        return changed

    def plan(self, *arguments: str) -> Any:
        """Plan, and return the whole plan in the form of ``terraform show -json``."""
        options = ("-lock=false", "-no-color", f"-out={self._plan_file}", *arguments)
        self._text("plan", *self._variables(), *options)
        return json.loads(self._text("show", "-json", str(self._plan_file)))

    def outputs(self) -> dict[str, Any]:
        """Return the values of the root module's outputs."""
        raw = json.loads(self._text("output", "-json", *self._state()))
        return {name: output["value"] for name, output in raw.items()}

    def resources(self) -> list[str]:
        """List the addresses in the state, without data sources."""
        if not (self.work / "terraform.tfstate").is_file():
            return []
        addresses = self._text("state", "list", *self._state()).splitlines()
        return [address for address in addresses if not _DATA_SOURCE.search(address)]

    @property
    def _plan_file(self) -> Path:
        return (self.work / "plan").absolute()

    def _state(self) -> list[str]:
        return [f"-state={(self.work / 'terraform.tfstate').absolute()}"]

    def _variables(self) -> list[str]:
        values = self.work / "variables.tfvars.json"
        values.write_text(json.dumps(dict(self.variables), indent=2), encoding="utf-8")
        return [*self._state(), "-input=false", *self.options, f"-var-file={values.absolute()}"]

    def _command(self, verb: str, arguments: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
        environment = {
            **os.environ,
            **self.environment,
            "TF_DATA_DIR": str((self.work / "data").absolute()),
            "TF_IN_AUTOMATION": "1",
        }
        return [str(executable()), f"-chdir={self.configuration}", verb, *arguments], environment

    def _text(self, verb: str, *arguments: str) -> str:
        command, environment = self._command(verb, arguments)
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise TerraformError(f"terraform {verb} failed:\n{done.stderr or done.stdout}")
        return done.stdout

    def _watch(self, verb: str, *arguments: str) -> dict[str, str]:
        """Run a command that changes resources, and report each one; return all actions."""
        total = count = 0
        done: dict[str, str] = {}
        for event in self._events(verb, *arguments):
            match event.get("type"):
                case "change_summary":
                    total = sum(event["changes"].get(k, 0) for k in ("add", "change", "remove"))
                case "apply_complete" if (hook := event["hook"])["action"] != "read":
                    address = hook["resource"]["addr"]
                    done[address] = hook["action"]
                    count += 1
                    self.report(Progress(address, hook["action"], count, total))
        return done

    def _events(self, verb: str, *arguments: str) -> Iterator[dict[str, Any]]:
        """Run a command and yield its messages as they arrive; raise an error after it has failed.

        https://developer.hashicorp.com/terraform/internals/machine-readable-ui
        """
        command, environment = self._command(verb, ("-json", *arguments))
        diagnostics = []
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        ) as process:
            assert process.stdout is not None  # noqa: S101 (a pipe, see above)
            for event in _parsed(process.stdout):
                if event.get("type") == "diagnostic" and event["diagnostic"]["severity"] == "error":
                    diagnostics.append(_diagnostic(event["diagnostic"]))
                yield event
        if process.returncode:
            details = "\n".join(diagnostics) or "Terraform printed no diagnostics"
            raise TerraformError(f"terraform {verb} failed:\n{details}")


def _parsed(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def _diagnostic(diagnostic: dict[str, Any]) -> str:
    place = diagnostic.get("range") or {}
    where = f"{place['filename']}:{place['start']['line']}: " if place else ""
    address = f" ({diagnostic['address']})" if diagnostic.get("address") else ""
    detail = diagnostic.get("detail", "")
    return f"{where}{diagnostic['summary']}{address}\n{detail}".strip()
