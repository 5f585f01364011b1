"""CONTRIBUTING.md names files, folders and make targets that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", PAGE)
# Code that has a slash or a file's extension is a path; commands have spaces.
PATHS = sorted({code for code in CODE if re.fullmatch(r"[\w.-]+(/[\w.-]*)+|\w[\w-]*\.\w+", code)})
# Files that each new folder gets; the page names them without their folder.
IN_EACH_FOLDER = {"__init__.py", "handler.py", "requirements.in", "versions.tf"}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = sorted({word for code in CODE if code.startswith("make ") for word in code.split()[1:]})


@pytest.mark.parametrize("path", sorted(set(PATHS) - IN_EACH_FOLDER))
def test_a_path_exists(path: str) -> None:
    assert (ROOT / path).exists()
    assert (ROOT / path).is_dir() == path.endswith("/")


@pytest.mark.parametrize("target", [word for word in TARGETS if "=" not in word])
def test_a_make_target_exists(target: str) -> None:
    assert re.search(rf"^{re.escape(target)}:", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", PAGE))
def test_a_link_leads_to_a_file(target: str) -> None:
    assert (ROOT / target).is_file()


@pytest.mark.parametrize("part", ["function", "module", "example", "envelope", "route", "command"])
def test_each_part_is_described_in_three_steps_with_its_test(part: str) -> None:
    (steps,) = re.findall(rf"^### An? [^\n]*{part}\n\n(.*?)(?=^#)", PAGE, re.MULTILINE | re.DOTALL)

    assert re.findall(r"^\d", steps, re.MULTILINE) == ["1", "2", "3"]
    assert re.search(r"^3\. .*tests/", steps, re.MULTILINE | re.DOTALL)


def test_there_is_something_to_check() -> None:
    assert len(PATHS) > 30
    assert {"lock", "test", "docs"} <= set(TARGETS)
