"""`pipeline new`: what is written, and what is pinned."""

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from event_pipelines.development import new
from event_pipelines.development.errors import DevelopmentError
from event_pipelines.development.new import Origin

GIT = "https://example.com/event-driven-pipelines.git"
WHEEL = "https://example.com/event_driven_pipelines-1.0.0-py3-none-any.whl"

Install = Callable[[object], None]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Let the distribution have been installed from somewhere."""

    class Distribution:
        def __init__(self, document: object) -> None:
            self.text = None if document is None else json.dumps(document)
            self.version = "1.2.3"

        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return self.text

    def install(document: object) -> None:
        monkeypatch.setattr(metadata, "distribution", lambda _name: Distribution(document))

    return install


@pytest.mark.parametrize(
    ("document", "origin"),
    [
        (
            {"url": GIT, "vcs_info": {"vcs": "git", "commit_id": "c", "requested_revision": "v1"}},
            Origin(f" @ git+{GIT}@v1", f"git::{GIT}?ref=v1"),
        ),
        (
            {"url": GIT, "vcs_info": {"vcs": "git", "commit_id": "c"}},
            Origin(f" @ git+{GIT}@c", f"git::{GIT}?ref=c"),
        ),
        ({"url": WHEEL, "archive_info": {}}, Origin(f" @ {WHEEL}")),
        (None, Origin("==1.2.3")),
    ],
)
def test_a_repository_uses_what_the_command_was_installed_from(
    installed: Install, document: object, origin: Origin
) -> None:
    installed(document)

    assert new.installed_from() == origin


def test_a_checkout_can_not_be_pinned(installed: Install) -> None:
    installed({"url": "file:///home/me/checkout", "dir_info": {"editable": True}})

    with pytest.raises(DevelopmentError, match="from the folder file:///home/me/checkout"):
        new.installed_from()


def test_the_repository_names_the_pipeline_the_modules_and_the_runtime(tmp_path: Path) -> None:
    new.write(tmp_path, "invoices", f"git::{GIT}?ref=v1", Origin(f" @ git+{GIT}@v1"))

    assert f'source = "git::{GIT}?ref=v1"' in (tmp_path / "main.tf").read_text()
    function = tmp_path / "functions" / "process_files"
    assert f"event-driven-pipelines @ git+{GIT}@v1\n" in (function / "requirements.in").read_text()
    tools = (tmp_path / "requirements.in").read_text()
    assert f"event-driven-pipelines[tool] @ git+{GIT}@v1\n" in tools
    assert (tmp_path / ".gitignore").is_file()
    texts = [file.read_text() for file in tmp_path.rglob("*") if file.is_file()]
    assert not [text for text in texts if "@NAME@" in text or "@MODULES@" in text]


@pytest.mark.parametrize("name", ["", "Orders", "1st", "a", "my_pipeline", "a" * 33, "../x", "ab-"])
def test_a_name_that_no_bucket_could_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DevelopmentError, match="3 to 32 lower-case letters"):
        new.command(name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "main.tf").touch()

    with pytest.raises(DevelopmentError, match="exists and is not empty"):
        new.command("orders")


def test_without_a_repository_the_source_of_the_modules_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: Install
) -> None:
    monkeypatch.chdir(tmp_path)
    installed({"url": WHEEL, "archive_info": {}})

    with pytest.raises(DevelopmentError, match="name them with --modules"):
        new.command("orders")
    new.command("orders", modules="../modules", environment=False)
    assert 'source = "../modules"' in (tmp_path / "orders" / "main.tf").read_text()
