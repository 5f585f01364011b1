"""Lines of Terraform code have at most 120 columns."""

from pathlib import Path

import pytest

from tools.terraform_lines import too_long, too_long_in

WIDE = "x" * 120


@pytest.mark.parametrize(
    "line",
    [
        f'  condition = contains(["{WIDE}"], var.name)',
        f"  # {WIDE}",
        f'  value = "https://example.com/{WIDE}"',
    ],
)
def test_a_line_of_code_or_a_comment_that_can_be_wrapped_is_too_long(line: str) -> None:
    assert too_long(f"locals {{\n{line}\n}}\n") == [2]


@pytest.mark.parametrize(
    "line",
    [
        "x" * 120,
        f'  description = "{WIDE}"',
        f'  error_message = "{WIDE}"',
        f"  # https://docs.aws.amazon.com/{WIDE}",
        f"  # checkov:skip=CKV_AWS_18:{WIDE}",
    ],
)
def test_what_fits_or_cannot_be_wrapped_is_accepted(line: str) -> None:
    assert too_long(f"locals {{\n{line}\n}}\n") == []


def test_a_heredoc_is_text_and_code_goes_on_after_it() -> None:
    assert too_long(f"a = <<-EOT\n{WIDE}x\nEOT\n{WIDE}x\n") == [4]


def test_files_of_modules_and_examples_are_read(tmp_path: Path) -> None:
    for folder in ("modules/queue", "examples/direct", "modules/queue/.terraform"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "main.tf").write_text(f"a = 1\n{WIDE}x\n", encoding="utf-8")
    assert too_long_in(tmp_path) == ["examples/direct/main.tf:2", "modules/queue/main.tf:2"]
