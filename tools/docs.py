"""Generate the tables of variables and outputs in each module's README, between two markers.

The tables are generated from ``variables.tf`` and ``outputs.tf``; ``--check`` (part of ``make
lint``) fails if a README is outdated.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- variables and outputs: written by `make docs` -->"
END = "<!-- end of variables and outputs -->"
OPTIONS = hcl2.SerializationOptions(
    with_comments=False,
    explicit_blocks=False,
    preserve_heredocs=False,
    strip_string_quotes=True,
)


class DocumentationError(Exception):
    """A module can't be documented; the message names the file and what is missing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the tables, or with ``--check`` only report outdated READMEs."""
    parser = argparse.ArgumentParser(
        prog="docs", description="Write the modules' reference tables."
    )
    parser.add_argument("--check", action="store_true", help="change nothing, fail if out of date")
    parser.add_argument("modules", nargs="*", type=Path, help="default: all in modules/")
    options = parser.parse_args(arguments)
    behind = []
    try:
        for module in options.modules or sorted((ROOT / "modules").iterdir()):
            readme = module / "README.md"
            before = readme.read_text(encoding="utf-8")
            after = insert(before, reference(module), readme)
            if after != before:
                behind.append(str(readme))
                if not options.check:
                    readme.write_text(after, encoding="utf-8")
                    print(f"docs: {readme} written")
    except DocumentationError as error:
        print(f"docs: {error}", file=sys.stderr)
        return 1
    if behind and options.check:
        print(f"docs: outdated: {', '.join(behind)}. Run: make docs", file=sys.stderr)
        return 1
    return 0


def insert(text: str, tables: str, readme: Path) -> str:
    """Insert the tables between the markers of a README."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise DocumentationError(f"{readme} lacks the lines {BEGIN!r} and {END!r} for its tables")
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def reference(module: Path) -> str:
    """Build the tables of a module's variables and outputs."""
    lines = ["| variable | type | default | description |", "|---|---|---|---|"]
    for name, variable in _blocks(module / "variables.tf", "variable"):
        place = f"variables.tf#L{_line(module / 'variables.tf', name)}"
        default = f"`{_literal(variable['default'])}`" if "default" in variable else "*required*"
        kind = _outline(str(variable.get("type", "any")))
        description = _described(module, name, variable)
        lines.append(f"| [`{name}`]({place}) | `{kind}` | {default} | {description} |")
    lines += ["", "| output | description |", "|---|---|"]
    for name, output in _blocks(module / "outputs.tf", "output"):
        lines.append(f"| `{name}` | {_described(module, name, output)} |")
    return "\n".join(lines) + "\n"


def _blocks(file: Path, kind: str) -> list[tuple[str, dict[str, Any]]]:
    with file.open(encoding="utf-8") as opened:
        content: dict[str, Any] = hcl2.load(opened, serialization_options=OPTIONS)
    return [named for entry in content.get(kind, []) for named in entry.items()]


def _line(file: Path, variable: str) -> int:
    before, _, _ = file.read_text(encoding="utf-8").partition(f'variable "{variable}"')
    return before.count("\n") + 1


def _described(module: Path, name: str, block: dict[str, Any]) -> str:
    description = " ".join(str(block.get("description", "")).replace("\\n", " ").split())
    if not description:
        raise DocumentationError(f"{module}: {name} has no description")
    return description.replace('\\"', '"').replace("|", "\\|")


def _outline(kind: str) -> str:
    """Shorten a type to its outer part; the link leads to the attributes of an object."""
    head, is_object, _ = kind.removeprefix("${").partition("({")
    return f"{head}({{…}}){')' * head.count('(')}" if is_object else head.removesuffix("}")


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value[2:-1] if value.startswith("${") else f'"{value}"'
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_literal(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return "null" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main())
