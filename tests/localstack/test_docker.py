"""LocalStack's own image: what the engine is asked to do. No engine is needed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from event_pipelines.localstack import LocalStackError, running, server

# An engine that answers as it is told to and notes what it is asked.
ENGINE = """#!/bin/sh
echo "$@" >> "{notes}"
case "$1" in {answers} esac
"""

Engine = Callable[[str], Path]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Put an engine on PATH; gives where it notes what it is asked."""

    def make(answers: str) -> Path:
        notes = tmp_path / "notes"
        docker = tmp_path / "docker"
        docker.write_text(ENGINE.format(notes=notes, answers=answers), "utf-8")
        docker.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
        return notes

    return make


def test_no_engine_is_said_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(LocalStackError, match="no Docker engine responds"), running("docker"):
        pytest.fail("there is no such engine")


def test_an_engine_that_does_not_answer_is_said_in_words(engine: Engine) -> None:
    engine("info) exit 1;;")

    with pytest.raises(LocalStackError, match="no Docker engine responds"), running("docker"):
        pytest.fail("there is no such engine")


def test_an_image_that_can_not_be_started_is_named(engine: Engine) -> None:
    engine("run) exit 125;;")

    with pytest.raises(LocalStackError, match=server.IMAGE), running("docker"):
        pytest.fail("it can't be running")


def test_a_container_is_started_and_stopped_in_order(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = engine("")
    monkeypatch.setattr(server, "_is_ready", lambda _instance: True)

    with running("docker") as instance:
        name = f"localstack-{instance.endpoint_url.removeprefix('http://127.0.0.1:')}"
        assert f"run --detach --rm --name={name}" in notes.read_text("utf-8")

    asked = notes.read_text("utf-8").splitlines()
    assert [line.split()[0] for line in asked] == ["info", "run", "stop", "rm"]
    assert [line.split()[-1] for line in asked[2:]] == [name, name]


def test_the_pinned_image_listens_on_loopback_and_may_start_functions() -> None:
    command = server.docker_command("docker", "name", 4711)

    assert command[:2] == ["docker", "run"]
    assert command[-1] == "localstack/localstack:4.14.0"
    assert "--publish=127.0.0.1:4711:4566" in command
    assert "--volume=/var/run/docker.sock:/var/run/docker.sock" in command
    assert "--env=LOCALSTACK_HOST=127.0.0.1:4711" in command
    assert "--env=SQS_ENDPOINT_STRATEGY=off" in command
