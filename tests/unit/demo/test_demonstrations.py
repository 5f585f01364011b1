"""What `make demo` and `make example` can be asked for."""

import re

import pytest

from demo.__main__ import main
from demo.pipeline import BROKEN, EXAMPLES, demonstrations


def test_every_example_can_be_asked_for_by_the_name_of_its_folder() -> None:
    folders = {folder.name for folder in EXAMPLES.iterdir() if (folder / "main.tf").is_file()}

    assert set(demonstrations()) == folders | {""}


@pytest.mark.parametrize("name", demonstrations())
def test_it_sets_every_variable_that_has_no_default_and_none_that_is_not_there(name: str) -> None:
    demonstration = demonstrations()[name]
    blocks = re.findall(
        r'^variable "(\w+)" \{\n(.*?)^\}',
        (demonstration.configuration / "variables.tf").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
    required = {
        variable for variable, block in blocks if not re.search(r"^  default ", block, re.MULTILINE)
    }

    assert required <= set(demonstration.variables) <= {variable for variable, _ in blocks}


@pytest.mark.parametrize("name", demonstrations())
def test_it_uploads_a_good_file_and_a_broken_one(name: str) -> None:
    samples = {sample.name for sample in demonstrations()[name].samples.iterdir()}

    assert BROKEN in samples
    assert len(samples) > 1


def test_an_example_that_is_not_there_is_answered_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["fan-in"]) == 2
    assert "fan-out" in capsys.readouterr().err


def test_outside_localstack_it_says_how_to_start_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    assert main(["fan-out"]) == 2
    assert "make example NAME=fan-out" in capsys.readouterr().err
