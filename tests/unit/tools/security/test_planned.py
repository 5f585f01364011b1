"""The plans that the security checks read are kept, and made again for any change."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.security import planned
from tools.security.planned import Resource

VERSION = "Terraform v1.11.4\non linux_amd64\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "checkout"
    for folder in ("modules/topic", "examples/fan-out", "functions/load", "tests/terraform/mocks"):
        (root / folder).mkdir(parents=True)
    (root / "main.tf").write_text("locals {}")
    (root / "modules" / "topic" / "main.tf").write_text("locals {}")
    monkeypatch.setattr(planned, "ROOT", root)
    monkeypatch.setattr(planned, "KEPT", root / ".tools" / "plans")
    return root


@pytest.fixture
def planned_by(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Stand in for Terraform, and list the folders that are planned."""
    folders: list[Path] = []

    @contextmanager
    def provider(data: Path) -> Iterator[Mapping[str, str]]:
        yield {}

    def resources(folder: Path, _provider: Mapping[str, str]) -> list[Resource]:
        folders.append(folder)
        return [Resource("pipeline", "aws_sns_topic.this", "aws_sns_topic", {"name": "orders"})]

    monkeypatch.setattr(planned, "_terraform", lambda *_arguments: "")
    monkeypatch.setattr(planned, "running_provider", provider)
    monkeypatch.setattr(planned, "_resources", resources)
    return folders


def test_the_same_files_are_planned_once(checkout: Path, planned_by: list[Path]) -> None:
    first = planned.plan(VERSION)
    again = planned.plan(VERSION)

    assert again == first
    assert len(planned_by) == 2


@pytest.mark.parametrize(
    "changed", ["main.tf", "modules/topic/main.tf", "modules/topic/new.tf", "examples/fan-out/a.tf"]
)
def test_any_change_is_planned(checkout: Path, planned_by: list[Path], changed: str) -> None:
    planned.plan(VERSION)
    (checkout / changed).write_text("locals { changed = true }")
    planned.plan(VERSION)

    assert len(planned_by) == 4


def test_another_terraform_plans_again_and_one_plan_is_kept(
    checkout: Path, planned_by: list[Path]
) -> None:
    planned.plan(VERSION)
    planned.plan("Terraform v1.13.0\n")

    assert len(planned_by) == 4
    assert len(list((checkout / ".tools" / "plans").iterdir())) == 1
