"""``python -m event_pipelines.localstack run``: what a command gets, and how it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.waiting import eventually
from tests.localstack.functions import HANDLER, zipped
from tools.checkout import ROOT

pytestmark = pytest.mark.integration

# Says when it is there, and how it is told to end.
WAITING_COMMAND = """
import signal, sys, time
def end(number, frame):
    print("told to end by", number, flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, end)
print("waiting", flush=True)
time.sleep(600)
"""

# Leaves a warm function behind that has started a process of its own.
STARTING_COMMAND = """
import boto3, json, pathlib, sys
from tests.localstack.functions import make_role
functions = boto3.client("lambda")
functions.create_function(
    FunctionName="starter",
    Runtime="python3.13",
    Role=make_role(boto3.client("iam")),
    Handler="function.handler",
    Code={"ZipFile": pathlib.Path(sys.argv[1]).read_bytes()},
    Timeout=20,
)
functions.get_waiter("function_active_v2").wait(FunctionName="starter")
functions.invoke(FunctionName="starter", Payload=json.dumps({"start_child": sys.argv[2]}))
print("started", flush=True)
sys.stdin.read()
"""

Run = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Start a Python program under an instance that keeps to a folder of the test's own."""
    environment = {name: value for name, value in os.environ.items() if name != "LOCALSTACK"}

    def start(code: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "event_pipelines", "localstack", "run", "--"]
            + [sys.executable, "-c", code, *arguments],
            cwd=ROOT,
            env={**environment, "TMPDIR": str(tmp_path), **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def processes_with(mark: str) -> list[str]:
    """List the processes that have a text in their command line."""
    found = subprocess.run(["ps", "-ww", "-eo", "args"], check=True, capture_output=True, text=True)
    return [line for line in found.stdout.splitlines() if mark in line]


def test_a_command_is_told_to_end_and_waited_for(run: Run) -> None:
    with run(WAITING_COMMAND) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.terminate()
        output, _ = process.communicate()

    assert output == f"told to end by {signal.SIGTERM.value}\n"
    assert process.returncode == 128 + signal.SIGTERM


def test_a_command_ends_when_who_runs_it_is_killed(run: Run) -> None:
    with run(WAITING_COMMAND) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.kill()
        output, _ = process.communicate()

    assert output == f"told to end by {signal.SIGTERM.value}\n"


def test_what_a_function_started_ends_with_the_instance(run: Run, tmp_path: Path) -> None:
    package = tmp_path / "function.zip"
    package.write_bytes(zipped({"function.py": HANDLER}))
    # In the command lines of the child, of the command, and of who runs it.
    mark = f"child-of-{tmp_path}"
    with run(STARTING_COMMAND, str(package), mark) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        assert any("time.sleep(600)" in line for line in processes_with(mark))
        process.kill()

    eventually(lambda: not processes_with(mark), waiting_for="the child to end")
    eventually(lambda: not list(tmp_path.glob("localstack-*")), waiting_for="the folder to go")


def test_the_users_own_aws_settings_do_not_reach_a_command(run: Run) -> None:
    code = "import os; print(sorted(name for name in os.environ if name.startswith('AWS_')))"
    foreign = {"AWS_PROFILE": "mine", "AWS_ENDPOINT_URL_S3": "https://example.com"}

    with run(code, **foreign) as process:
        output, _ = process.communicate()

    assert "AWS_ENDPOINT_URL" in output
    assert not [name for name in foreign if f"'{name}'" in output]


def test_a_command_that_fails_leaves_the_instances_output(run: Run) -> None:
    kept = ROOT / "build" / "localstack.log"
    kept.unlink(missing_ok=True)

    with run("raise SystemExit(5)") as process:
        _, errors = process.communicate()

    assert process.returncode == 5
    assert "localstack: its output is in build/localstack.log" in errors
    assert "Ready." in kept.read_text("utf-8")


def test_a_command_that_is_not_there_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "event_pipelines", "localstack", "run", "--", "no-such-command"],
        check=False,
        cwd=ROOT,
        env={**os.environ, "LOCALSTACK": "embedded"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 127
    assert "no-such-command can't be run: No such file or directory" in done.stderr
