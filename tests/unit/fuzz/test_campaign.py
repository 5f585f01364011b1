"""`make fuzz`: it tries inputs, keeps what it finds with the command that shows it, and says so."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import strategies as st

from tests.fuzz import __main__ as command_line
from tests.fuzz import campaign, corpus, minimising, with_hypothesis
from tests.fuzz.findings import ROOT, Findings, command
from tests.fuzz.metering import Bound
from tests.fuzz.mutation import mutate
from tests.fuzz.progress import read
from tests.fuzz.target import Target
from tests.fuzz.targets import NAMES, load
from tests.fuzz.workspace import Workspace


def target(work: Callable[[bytes], object]) -> Target:
    return Target(
        work=work,
        judge=lambda _, __: None,
        inputs=st.binary(min_size=1, max_size=9),
        example=b"",
        bound=Bound(bytes_each=100, steps_each=100),
        known={},
    )


def raise_on_large(data: bytes) -> None:
    if max(data, default=0) > 200:
        raise OverflowError(f"of {max(data)}")


def test_a_finding_is_kept_as_small_as_it_gets_with_its_command(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    asked = itertools.count()

    with_hypothesis.attack(
        "items",
        target(raise_on_large),
        workspace=workspace,
        seed=1,
        is_over=lambda: next(asked) > 300,
    )

    (found,) = [path for path in workspace.findings.folder.iterdir() if path.suffix != ".txt"]
    assert found.read_bytes() == bytes([201])
    (told,) = workspace.findings.told()
    assert "OverflowError: of 201" in told
    assert f"-m tests.fuzz try items {found}" in told
    assert read(workspace.progress("items", "hypothesis")).runs > 0


def test_of_one_fault_the_smallest_input_is_kept_and_another_fault_is_another_finding(
    tmp_path: Path,
) -> None:
    findings = Findings(tmp_path)
    for data in (b"xxx", b"x", b"xx"):
        findings.add("items", data, AssertionError(f"{len(data)} bytes"))
    findings.add("items", b"y", AssertionError("another"))
    findings.add_untold("items", b"z", "hypothesis ended with code -11")

    kept = sorted(path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".txt")
    assert kept == [b"x", b"y", b"z"]
    assert len(findings.told()) == 3


def test_an_input_that_is_found_can_be_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "input").write_bytes(load("items").example)

    assert command_line.main(["try", "items", str(tmp_path / "input")]) == 0
    assert "kept its promises" in capsys.readouterr().out


def test_a_target_is_attacked_with_every_engine_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--seconds", "1", "--seed", "1", "--workspace", str(tmp_path)]

    assert command_line.main(["attack", *options, "items"]) == 0

    printed = capsys.readouterr().out
    assert "fuzz: 0 findings" in printed
    for engine in campaign.engines():
        assert read(Workspace(tmp_path).progress("items", engine)).runs > 0


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with code -9"),
        ("import time; time.sleep(60)", "had to be stopped"),
    ],
)
def test_an_engine_that_does_not_end_well_is_a_finding_with_its_last_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, what: str
) -> None:
    workspace = Workspace(tmp_path)
    start = subprocess.Popen

    def start_other(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        workspace.current("items", "hypothesis").write_bytes(b"the last")
        return start([sys.executable, "-c", code], env=dict(os.environ))

    monkeypatch.setattr(campaign, "engines", lambda: ["hypothesis"])
    monkeypatch.setattr(campaign, "_GRACE_SECONDS", 0)
    monkeypatch.setattr(campaign.subprocess, "Popen", start_other)  # type: ignore[attr-defined]

    (told,) = campaign.attack(["items"], seconds=1, seed=1, workspace=workspace, say=lambda _: None)

    assert what in told
    (kept,) = [path for path in workspace.findings.folder.iterdir() if path.suffix != ".txt"]
    assert kept.read_bytes() == b"the last"


def test_findings_of_an_attack_before_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)
    workspace.findings.add("items", b"x", AssertionError("before"))

    assert campaign.attack([], seconds=1, seed=1, workspace=workspace, say=lambda _: None) == []


def test_a_target_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command_line.main(["attack", "nothing"])
    assert "no such target: nothing; there are: envelopes" in capsys.readouterr().err


def test_the_corpus_keeps_the_smallest_inputs_that_reach_everything() -> None:
    items = load("items")
    items.work(items.example)
    plain, large = b'S\n[{"id":"1"}]', b'S\n[{"id":"12345"}]'
    inputs = [large, plain, b"N\n[]", b"x" * (minimising.LONGEST + 1)]

    kept = minimising.minimise(items, inputs)

    assert list(kept.values()) == [b"N\n[]", plain]
    assert list(minimising.minimise(items, kept.values())) == list(kept)


@pytest.mark.parametrize("name", NAMES)
def test_the_corpus_is_small(name: str) -> None:
    inputs = [data for _, data in corpus.read(name)]

    assert 0 < sum(map(len, inputs)) <= 100_000
    assert max(map(len, inputs)) <= minimising.LONGEST


def test_inputs_are_changed_by_their_tokens() -> None:
    data = json.dumps({"Records": [{"s3": 1.5}, "text"]}).encode()

    random = Random(1)  # noqa: S311 (nothing is kept secret by it)

    changed = {mutate(data, (b'"token"',), random) for _ in range(200)}

    assert len(changed) > 50
    assert any(b'"token"' in one for one in changed)
    assert b'{"Records": [{"s3": 1.5}, ]}' in changed
    assert mutate(b"", (), random)


def test_a_command_names_files_of_this_checkout_from_its_root() -> None:
    told = command("items", ROOT / "build" / "items-1")

    assert told == ".venv/bin/python -m tests.fuzz try items build/items-1"
