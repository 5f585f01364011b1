"""The width of lines in Terraform files, which ``terraform fmt`` leaves alone."""

import re
from pathlib import Path

COLUMNS = 120

# HCL can't wrap a quoted string, nor a comment its address or what a scanner reads.
_UNWRAPPABLE = re.compile(
    r'\s*(?:(?:description|error_message|alarm_description)\s*=\s*"'
    r"|#.*https?://\S+$"
    r"|# (?:checkov|parliament):skip=)"
)
_HEREDOC = re.compile(r"<<-?([A-Z]+)$")


def too_long(text: str) -> list[int]:
    """Return the numbers of the lines of code that have more than 120 columns.

    Descriptions, messages, texts between heredoc markers, addresses and scanners' comments are no
    code: they can't be wrapped.
    """
    numbers = []
    end = None
    for number, line in enumerate(text.splitlines(), 1):
        if end:
            end = None if line.strip() == end else end
        elif len(line) > COLUMNS and not _UNWRAPPABLE.match(line):
            numbers.append(number)
        elif marker := _HEREDOC.search(line):
            end = marker.group(1)
    return numbers


def too_long_in(root: Path) -> list[str]:
    """Return ``file:line`` for each line that is too long in the root, modules and examples."""
    patterns = ("*.tf", "modules/**/*.tf", "examples/**/*.tf")
    files = sorted(
        file
        for pattern in patterns
        for file in root.glob(pattern)
        if ".terraform" not in file.parts
    )
    return [
        f"{file.relative_to(root).as_posix()}:{number}"
        for file in files
        for number in too_long(file.read_text(encoding="utf-8"))
    ]
