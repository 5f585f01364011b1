"""Changes of a pipeline that is in use, as docs/changes.md has them."""

import pytest

from tests.integration.stacks import Stacks

pytestmark = [pytest.mark.integration, pytest.mark.applies("changed")]


def test_a_pipeline_in_use_is_changed_and_loses_neither_a_file_nor_its_bucket(
    stacks: Stacks,
) -> None:
    (changed,) = stacks.running

    changed.result()
