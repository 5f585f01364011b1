"""The operator's tool as set-up installs it: from any folder, with errors that say what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).parent / "pipeline"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "AWS_REGION": "eu-west-1"}
    return subprocess.run(
        [COMMAND, *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
    )


def test_its_help_names_the_commands_and_the_exit_codes(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")

    assert done.returncode == 0
    for command in ("status", "trace", "failures", "redrive", "replay", "pause", "resume"):
        assert f"  {command} " in done.stdout
    assert "Exit codes: 0 no problem is known" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["status", "--nonsense"], 2, "No such option: --nonsense"),
        (["--outputs", "missing.json", "status"], 2, "terraform output -json > missing.json"),
        (["--outputs", "empty.json", "status"], 2, "the outputs contain no pipeline"),
        (["--outputs", "empty.json", "replay", "--prefix", "", "--state", "lost"], 2, "LOST"),
    ],
)
def test_wrong_use_is_told_with_the_way_out(
    tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    (tmp_path / "empty.json").write_text("{}", encoding="utf-8")

    done = run(tmp_path, *arguments)

    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
