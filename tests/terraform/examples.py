"""The HCL blocks of the READMEs, each made a configuration of its own that uses this checkout."""

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
        What a report calls it.
    text
        The block, as the reader copies it.
    """

    name: str
    text: str

    def with_sources_below(self, checkout: str) -> str:
        """Give the block with each module taken from a checkout instead of from the repository."""
        return _SOURCE.sub(lambda m: f'{m[1]}"{checkout}{m[2] or ""}"', self.text)

    @property
    def packages(self) -> list[str]:
        """Give the local packages it names, which its reader would have made."""
        return sorted(set(_PACKAGE.findall(self.text)))


def examples_in(readme: Path, name: str) -> list[Example]:
    """Find the examples of a README."""
    blocks: list[str] = _BLOCK.findall(readme.read_text(encoding="utf-8"))
    return [Example(f"{name} README, example {n}", block) for n, block in enumerate(blocks, 1)]
