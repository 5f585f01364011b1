"""The HCL blocks of the READMEs, as configurations that use this checkout's modules."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tools.checkout import ROOT
from tools.mocked_terraform import MOCKS, PACKAGE, Workspace

TEST_FILE = "examples.tftest.hcl"
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


def write(workspace: Workspace, configuration: Path, examples: list[Example]) -> tuple[int, str]:
    """Write a configuration whose test plans the examples, and install what they need.

    Returns
    -------
    tuple[int, str]
        Terraform's exit status, and its output.
    """
    for example in examples:
        folder = configuration / example.name
        folder.mkdir(parents=True)
        (folder / "main.tf").write_text(example.with_modules_from("../.."), encoding="utf-8")
        shutil.copyfile(ROOT / "versions.tf", folder / "versions.tf")
        for package in example.packages:
            target = configuration / package
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PACKAGE, target)
    (configuration / TEST_FILE).write_text(test_of(examples), encoding="utf-8")
    shutil.copyfile(ROOT / "versions.tf", configuration / "versions.tf")
    shutil.copytree(MOCKS, configuration / "mocks")
    return workspace.init(configuration)
