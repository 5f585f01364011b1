"""The reference tables in the modules' READMEs say what the code says."""

from pathlib import Path

import pytest

from tools import docs

VARIABLES = """
variable "name" {
  description = "Name of the queue | FIFO names end in .fifo."
  type        = string
}

variable "senders" {
  description = <<-EOT
    Who may send,
    by name.
  EOT
  type = map(object({
    service = string
    nested  = optional(map(object({ x = string })), {})
  }))
  default  = {}
  nullable = false
}

variable "retention_seconds" {
  description = "Seconds a message is kept."
  type        = number
  default     = 345600
}
"""
OUTPUTS = 'output "arn" {\n  description = "The queue\'s ARN."\n  value       = 1\n}\n'


@pytest.fixture
def module(tmp_path: Path) -> Path:
    (tmp_path / "variables.tf").write_text(VARIABLES)
    (tmp_path / "outputs.tf").write_text(OUTPUTS)
    (tmp_path / "README.md").write_text(f"# Queue\n\n{docs.BEGIN}\n{docs.END}\n\nAfter.\n")
    return tmp_path


def test_every_variable_has_its_type_default_description_and_place(module: Path) -> None:
    table = docs.reference(module)

    assert (
        "| [`name`](variables.tf#L2) | `string` | *required* "
        r"| Name of the queue \| FIFO names end in .fifo. |"
    ) in table
    assert (
        "| [`senders`](variables.tf#L7) | `map(object({…}))` | `{}` | Who may send, by name. |"
    ) in table
    assert "| `number` | `345600` | Seconds a message is kept. |" in table
    assert "| `arn` | The queue's ARN. |" in table


def test_the_tables_go_between_the_markers_and_nothing_else_changes(module: Path) -> None:
    assert docs.main([str(module)]) == 0

    text = (module / "README.md").read_text()
    assert text.startswith(f"# Queue\n\n{docs.BEGIN}\n\n| variable |")
    assert text.endswith(f"{docs.END}\n\nAfter.\n")
    assert docs.main(["--check", str(module)]) == 0


def test_the_check_fails_and_writes_nothing_when_a_readme_is_behind(
    module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (module / "README.md").read_text()

    assert docs.main(["--check", str(module)]) == 1
    assert (module / "README.md").read_text() == before
    assert "Run: make docs" in capsys.readouterr().err


def test_a_missing_description_or_marker_is_named(
    module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (module / "outputs.tf").write_text('output "arn" {\n  value = 1\n}\n')
    assert docs.main([str(module)]) == 1
    assert "arn has no description" in capsys.readouterr().err

    (module / "outputs.tf").write_text(OUTPUTS)
    (module / "README.md").write_text("# Queue\n")
    assert docs.main([str(module)]) == 1
    assert "README.md lacks the lines" in capsys.readouterr().err
