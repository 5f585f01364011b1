"""`pipeline try`: what is uploaded where, what is as expected, what the author has to change."""

import os
from pathlib import Path

import pytest

from event_pipelines.development import try_files
from event_pipelines.development.errors import DevelopmentError
from event_pipelines.development.trial import stack
from event_pipelines.development.trial.report import explain
from event_pipelines.development.trial.uploads import Outcome, faults
from event_pipelines.localstack.server import Instance
from event_pipelines.operations.discovery import Consumer, Pipeline
from object_consumer.filters import ObjectFilter

DONE = Outcome("a.json", "load", "done")
BROKEN = Outcome("b.json", "load", "permanent", 0.1, "load-dlq", "line 1: invalid")


def pipeline(**filters: ObjectFilter) -> Pipeline:
    consumers = {
        name: Consumer(name=name, function=name, log_group=name, wanted=wanted)
        for name, wanted in filters.items()
    }
    return Pipeline(name="orders", bucket="orders-files", consumers=consumers)


@pytest.mark.parametrize(
    ("outcomes", "dead_letters", "expected"),
    [
        ([DONE], [], []),
        ([DONE, BROKEN], ["b.json"], []),
        ([DONE, BROKEN], [], ["b.json: permanent at load"]),
        ([DONE], ["a.json"], ["a.json: dead-lettered by no consumer"]),
        ([Outcome("a.json", "load")], [], ["a.json: no outcome at load"]),
        ([Outcome("a.txt", "", "unwanted")], [], ["a.txt: unwanted at no consumer"]),
    ],
)
def test_a_trial_succeeds_if_every_file_is_done_or_dead_lettered_on_purpose(
    outcomes: list[Outcome], dead_letters: list[str], expected: list[str]
) -> None:
    assert list(faults(outcomes, dead_letters)) == expected


def test_a_file_that_no_consumer_wants_is_explained_by_the_filters() -> None:
    load = ObjectFilter(prefixes=("in/",), suffixes=(".json", ".csv"))
    found = pipeline(load=load, log=ObjectFilter())

    (line,) = explain([Outcome("a.txt", "", "unwanted"), DONE], found)

    assert "No consumer wants" in line
    assert "load (prefixes in/; suffixes .json, .csv), log (every file)" in line


@pytest.mark.parametrize(
    ("filters", "given", "prefix"),
    [
        ({"a": ObjectFilter(prefixes=("in/",))}, None, "in/"),
        ({"a": ObjectFilter(prefixes=("in/",))}, "other/", "other/"),
        ({"a": ObjectFilter(prefixes=("in/",)), "b": ObjectFilter()}, None, ""),
    ],
)
def test_files_get_a_prefix_that_a_consumer_wants(
    filters: dict[str, ObjectFilter], given: str | None, prefix: str
) -> None:
    assert try_files._prefix(pipeline(**filters), given) == prefix


def test_folders_stand_for_their_files_and_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "a.json").touch()

    assert list(try_files._files([tmp_path / "samples"])) == [tmp_path / "samples" / "a.json"]
    with pytest.raises(DevelopmentError, match="none does not exist"):
        list(try_files._files([tmp_path / "none"]))


def test_a_configuration_must_say_where_its_packages_are(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()

    with pytest.raises(DevelopmentError, match="has no Terraform configuration: name it with --ch"):
        stack._packaged(tmp_path, tmp_path / "functions")
    (tmp_path / "main.tf").write_text('module "orders" {}\n')
    with pytest.raises(DevelopmentError, match='have no variable "packages"'):
        stack._packaged(tmp_path, tmp_path / "functions")


def test_packages_for_this_host_are_apart_from_those_for_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged: list[tuple[Path, Path]] = []
    monkeypatch.setattr(
        stack,
        "package_all",
        lambda source, output, _architecture: packaged.append((source, output)),
    )
    (tmp_path / "functions").mkdir()
    (tmp_path / "variables.tf").write_text('variable "packages" {}\n')

    variables = stack._packaged(tmp_path, tmp_path / "functions")

    assert variables == {"packages": str(Path("build/localstack").absolute())}
    assert packaged == [(tmp_path / "functions", Path("build/localstack"))]


@pytest.mark.parametrize(
    ("text", "overridden"),
    [
        ('terraform {\n  backend "s3" {}\n}', True),
        ("terraform {\n  cloud {}\n}", True),
        ("", False),
    ],
)
def test_the_state_of_a_backend_is_not_touched(
    tmp_path: Path, text: str, *, overridden: bool
) -> None:
    (tmp_path / "main.tf").write_text(text)

    with stack._local_backend(tmp_path):
        assert (tmp_path / stack.BACKEND_FILE).exists() == overridden
    assert not (tmp_path / stack.BACKEND_FILE).exists()


def test_nothing_of_aws_reaches_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setenv("AWS_PROFILE", "mine")
    with stack._environment(Instance("http://127.0.0.1:1")):
        assert "AWS_PROFILE" not in os.environ
        assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert os.environ["AWS_PROFILE"] == "mine"
