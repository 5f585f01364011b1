"""Every target of `make help`, in a clone: what a newcomer would type first works."""

import re

import pytest

from tests.integration.clone import TARGETS, Clone

pytestmark = [pytest.mark.integration, pytest.mark.applies("clone")]

# What each prints that no other does.
SAID = {
    "help": "List the targets",
    "setup": "setup: creating .venv",
    "package": "build/transform_objects.zip",
    "docs": "dashboard picture: 1 passed",
    "bench": "Everything ran",
}
# These need AWS, and say what they want before they ask it anything.
REFUSED = {
    "deploy": "make deploy VAR_FILE=my.tfvars",
    "destroy": "make destroy VAR_FILE=my.tfvars",
}
# Why others aren't run here.
ELSEWHERE = {
    "cost": "test_cost.py runs it",
    "demo": "test_demo.py runs the command that it prints",
    "example": "test_demo.py does what its command does, with the stacks of the tests",
    "lint": "make test begins with it",
    "fuzz": "tests/unit/fuzz runs its command on one target; Atheris is not set up here",
    "test": "it runs this",
    "test-unit": "make test runs it",
    "test-terraform": "make test runs it",
    "test-integration": "it runs this",
}


def test_every_target_is_run_or_it_is_said_why_not(clone: Clone) -> None:
    listed = re.findall(r"^  ([a-z-]+) +\S", clone.ran("help").output, re.MULTILINE)

    assert sorted(listed) == sorted([*TARGETS, *ELSEWHERE])


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_does_what_it_says_and_changes_no_file_that_git_tracks(
    clone: Clone, target: str
) -> None:
    ran = clone.ran(target)

    assert ran.code == (2 if target in REFUSED else 0), ran.output
    assert SAID.get(target) or REFUSED.get(target, "") in ran.output
    assert ran.changed == ""


def test_a_clone_is_clean_again_afterwards(clone: Clone) -> None:
    assert clone.ran("setup").left
    assert clone.ran("clean").left == ""
