"""Whoever applied the last release gets the code after it: nothing is destroyed or replaced."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import dedent

import pytest

from tests.integration.release import (
    INPUTS_GONE,
    RELEASE,
    ROOT,
    ReleaseError,
    Upgraded,
    ended,
    extract,
    inputs,
    missing,
)
from tests.integration.stacks import Stacks

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("actions", "refused"),
    [
        (["no-op"], False),
        (["create"], False),
        (["read"], False),
        (["update"], False),
        (["delete"], True),
        (["delete", "create"], True),
        (["create", "delete"], True),
        (["forget"], True),
    ],
)
def test_a_plan_that_ends_a_resource_is_refused(actions: Sequence[str], refused: bool) -> None:
    other = {"address": "aws_sqs_queue.other", "change": {"actions": ["update"]}}
    change = {"address": "aws_sqs_queue.this", "change": {"actions": actions}}

    found = ended({"resource_changes": [other, change]})

    assert found == ({"aws_sqs_queue.this": ", ".join(actions)} if refused else {})


def test_an_output_that_is_gone_is_named() -> None:
    before = {"queue": {"arn": "a", "url": "b"}, "topic": {"arn": "c"}, "ledger": None}

    assert list(missing(before, {**before, "ledger": {"arn": "d"}})) == []
    assert list(missing(before, {"queue": {"arn": "e"}, "topic": None})) == [
        "queue.url",
        "topic.arn",
        "ledger",
    ]


def test_all_that_a_module_takes_is_listed(tmp_path: Path) -> None:
    variables = """
        variable "consumers" {
          description = "No = attribute."
          type = map(object({
            package = string
            filter = optional(object({
              prefixes = optional(list(string), [])
            }), {})
            timeout = optional(number, 30)
          }))

          validation {
            condition = true
          }
        }

        variable "name" {
          type = string
        }
        """
    (tmp_path / "variables.tf").write_text(dedent(variables), encoding="utf-8")

    assert inputs(tmp_path) == {
        "consumers",
        "consumers.filter",
        "consumers.filter.prefixes",
        "consumers.package",
        "consumers.timeout",
        "name",
    }


class TestTheReleasesFiles:
    """They are in the repository's history, which a clone need not have."""

    @pytest.fixture
    def origin(self, tmp_path: Path) -> Path:
        """Make a repository of two commits, each with a file of its own content."""
        folder = tmp_path / "origin"
        folder.mkdir()
        git(folder, "init", "--quiet")
        for content in ("first", "second"):
            (folder / "main.tf").write_text(content, encoding="utf-8")
            git(folder, "add", "--all")
            identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
            git(folder, *identity, "commit", "--quiet", "--no-gpg-sign", f"--message={content}")
        return folder

    @pytest.fixture
    def shallow(self, origin: Path, tmp_path: Path) -> Path:
        """Clone its last commit alone."""
        git(tmp_path, "clone", "--quiet", "--depth=1", origin.as_uri(), "shallow")
        return tmp_path / "shallow"

    def test_a_clone_has_them(self, origin: Path, tmp_path: Path) -> None:
        extract(git(origin, "rev-parse", "HEAD~"), tmp_path / "files", origin)

        assert (tmp_path / "files" / "main.tf").read_text(encoding="utf-8") == "first"

    def test_a_shallow_clone_fetches_them(
        self, origin: Path, shallow: Path, tmp_path: Path
    ) -> None:
        extract(git(origin, "rev-parse", "HEAD~"), tmp_path / "files", shallow)

        assert (tmp_path / "files" / "main.tf").read_text(encoding="utf-8") == "first"

    def test_a_shallow_clone_without_its_origin_is_told_what_to_run(
        self, origin: Path, shallow: Path, tmp_path: Path
    ) -> None:
        commit = git(origin, "rev-parse", "HEAD~")
        origin.rename(tmp_path / "moved")

        with pytest.raises(ReleaseError, match="Run: git fetch --unshallow"):
            extract(commit, tmp_path / "files", shallow)

    def test_a_clone_that_lacks_them_is_told_what_to_run(
        self, origin: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(ReleaseError, match="Run: git fetch origin"):
            extract("0123456789" * 4, tmp_path / "files", origin)

    def test_what_is_no_clone_is_told_what_to_run(self, tmp_path: Path) -> None:
        with pytest.raises(ReleaseError, match="Run: git clone"):
            extract("0123456789" * 4, tmp_path / "files", tmp_path)


@pytest.fixture(scope="module")
def upgraded(stacks: Stacks) -> Upgraded:
    """Wait until this code has taken over what the release has applied."""
    return stacks.upgraded["release"].result()


@pytest.mark.applies("release")
def test_nothing_that_is_there_is_destroyed_or_replaced(upgraded: Upgraded) -> None:
    assert upgraded.ended == {}


@pytest.mark.applies("release")
def test_once_it_is_applied_nothing_is_left_to_do_and_no_output_is_gone(
    upgraded: Upgraded, tell: Callable[[str], None]
) -> None:
    assert upgraded.ended == {}
    assert upgraded.left == {}
    assert upgraded.gone == []
    tell(f"upgrade: {len(upgraded.done)} changed: {', '.join(sorted(upgraded.done)) or 'none'}")


def test_every_input_is_still_taken_or_its_end_is_in_the_changelog(tmp_path: Path) -> None:
    extract(RELEASE, tmp_path)

    gone = {}
    for module in (tmp_path, *(tmp_path / "modules").iterdir()):
        place = module.relative_to(tmp_path)
        if lost := inputs(module) - inputs(ROOT / place):
            gone[place.as_posix()] = lost
    assert gone == INPUTS_GONE


def git(folder: Path, *arguments: str) -> str:
    """Run git, and give what it prints."""
    return subprocess.run(
        ["git", *arguments], check=True, cwd=folder, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
