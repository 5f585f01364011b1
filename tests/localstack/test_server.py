"""Starting and stopping: the right kind, and nothing left behind whatever happens."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from event_pipelines.localstack import LocalStackError, running, server
from tests.integration.waiting import eventually
from tools.checkout import ROOT

pytestmark = pytest.mark.integration

COMMAND = [sys.executable, "-m", "event_pipelines", "localstack"]


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """An environment in which instances keep to a temporary folder of the test's own."""
    environment = {name: value for name, value in os.environ.items() if name != "LOCALSTACK"}
    return {**environment, "TMPDIR": str(tmp_path)}


def processes_of(folder: Path) -> list[str]:
    """List the processes that have a folder in their command line."""
    found = subprocess.run(["ps", "-ww", "-eo", "args"], check=True, capture_output=True, text=True)
    return [line for line in found.stdout.splitlines() if f"{folder}/localstack-" in line]


def nothing_is_left(folder: Path) -> bool:
    return not processes_of(folder) and not list(folder.glob("localstack-*"))


@pytest.fixture
def serving(alone: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """An instance started from the command line, ready."""
    with subprocess.Popen(
        [*COMMAND, "start"], cwd=ROOT, env=alone, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("export AWS_ACCESS_KEY_ID=")
        yield process
        process.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(
    serving: subprocess.Popen[str], tmp_path: Path, how: signal.Signals
) -> None:
    assert processes_of(tmp_path)

    serving.send_signal(how)

    eventually(lambda: nothing_is_left(tmp_path), waiting_for="all of it to be gone")


def test_objects_are_kept_in_the_instances_own_folder(
    alone: dict[str, str], tmp_path: Path
) -> None:
    code = """
import boto3, glob
s3 = boto3.client("s3")
s3.create_bucket(Bucket="kept-apart")
s3.put_object(Bucket="kept-apart", Key="a", Body=b"x")
print(glob.glob("TMP/localstack-*/s3/kept-apart"))
""".replace("TMP", str(tmp_path))

    done = subprocess.run(
        [*COMMAND, "run", "--", sys.executable, "-c", code],
        check=True,
        cwd=ROOT,
        env=alone,
        capture_output=True,
        text=True,
    )

    assert "kept-apart" in done.stdout
    assert nothing_is_left(tmp_path)


def test_a_command_runs_with_the_instances_environment_and_gives_its_exit_code(
    alone: dict[str, str], tmp_path: Path
) -> None:
    code = "import os, sys; print(os.environ['AWS_ENDPOINT_URL']); sys.exit(7)"

    done = subprocess.run(
        [*COMMAND, "run", "--", sys.executable, "-c", code],
        check=False,
        cwd=ROOT,
        env=alone,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 7
    assert done.stdout.startswith("http://127.0.0.1:")
    assert nothing_is_left(tmp_path)


def test_an_instance_that_is_running_is_used_and_left_running(
    localstack: server.Instance,
) -> None:
    with running(localstack.endpoint_url) as instance:
        assert instance == localstack
    with running(f"{localstack.endpoint_url}/") as instance:
        assert instance == localstack


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("podman", "must be embedded, docker, or a URL"),
        ("http://127.0.0.1:9", "no LocalStack responds at this address"),
    ],
)
def test_what_can_not_be_is_refused_in_words(kind: str, message: str) -> None:
    with pytest.raises(LocalStackError, match=message), running(kind):
        pytest.fail("there is no such instance")


def test_an_instance_that_does_not_start_says_what_it_said_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "build" / "localstack.log"
    monkeypatch.setattr(server, "KEPT_LOG", kept)
    monkeypatch.setattr(server, "_settings", lambda *_: {"PYTHONPATH": "/nowhere"})

    began = time.monotonic()
    with pytest.raises(LocalStackError, match="No module named"), running("embedded"):
        pytest.fail("it can't be running")

    assert time.monotonic() - began < 20
    assert "No module named" in kept.read_text("utf-8")
    assert f"its output is in {kept}" in capsys.readouterr().err


def test_a_proxy_is_not_asked_for_the_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = server.Instance("http://127.0.0.1:4566")
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert "NO_PROXY" not in instance.environment

    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com")
    monkeypatch.setenv("no_proxy", "example.com")

    assert instance.environment["NO_PROXY"] == "127.0.0.1"
    assert instance.environment["no_proxy"] == "example.com,127.0.0.1"
