"""The HCL blocks of the READMEs, as configurations that use this checkout's modules."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```hcl\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SOURCE = re.compile(r'(source\s*=\s*)"git::https://[^"?]*?(?:/(/[^"?]*))?(?:\?[^"]*)?"')
_PACKAGE = re.compile(r'package\s*=\s*"((?!s3://)[^"]+)"')


@dataclass(frozen=True, slots=True)
class Example:
    """A fenced ``hcl`` block of a README.

    Attributes
    ----------
    name
        The name of its test, an HCL identifier.
    text
        The block, as the reader copies it.
    """

    name: str
    text: str

    def with_modules_from(self, checkout: str) -> str:
        """Return the block with its modules from a checkout instead of from the repository."""
        return _SOURCE.sub(lambda m: f'{m[1]}"{checkout}{m[2] or ""}"', self.text)

    @property
    def packages(self) -> list[str]:
        """Return the local packages it names, which its reader would have built."""
        return _PACKAGE.findall(self.text)


def examples_in(readme: Path, owner: str) -> list[Example]:
    """Find the examples in the README of a module or of the root.

    Raises
    ------
    LookupError
        There is none.
    """
    blocks: list[str] = _BLOCK.findall(readme.read_text(encoding="utf-8"))
    if not blocks:
        raise LookupError(f"the README of {owner} shows no example in HCL")
    name = owner.replace("-", "_")
    return [Example(f"example_{n}_of_{name}_plans", block) for n, block in enumerate(blocks, 1)]


def test_of(examples: list[Example]) -> str:
    """Write the test that plans each example, a folder named after it, on the mocked provider."""
    runs = [
        f'''
run "{example.name}" {{
  command = plan

  module {{
    source = "./{example.name}"
  }}
}}
'''
        for example in examples
    ]
    return 'mock_provider "aws" {\n  source = "./mocks"\n}\n' + "".join(runs)


def dashboard_body_in(messages: str) -> str:
    """Find the JSON of the one dashboard that a test planned.

    Parameters
    ----------
    messages
        What ``terraform test -json -verbose`` printed, see
        https://developer.hashicorp.com/terraform/internals/machine-readable-ui.

    Raises
    ------
    LookupError
        There is no dashboard, or more than one, or its JSON isn't known at plan time.
    """
    bodies = [
        resource["change"]["after"].get("dashboard_body")
        for message in (json.loads(line) for line in messages.splitlines() if line[:1] == "{")
        if message["type"] == "test_plan"
        for resource in message["test_plan"]["resource_changes"]
        if resource["type"] == "aws_cloudwatch_dashboard"
    ]
    if len(bodies) != 1 or not bodies[0]:
        raise LookupError("the example doesn't plan one dashboard that is known at plan time")
    return str(bodies[0])
