"""Lock files: whether they fit the requirements beside them."""

import subprocess
from pathlib import Path

import pytest

from event_pipelines.development import locks
from event_pipelines.development.errors import DevelopmentError
from tools import lock
from tools.checkout import ROOT

HASHES = " \\\n    --hash=sha256:00\n"


def write(root: Path, name: str, wanted: str | None, locked: str | None) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    for suffix, text in ((".in", wanted), (".txt", locked)):
        if text is not None:
            (root / f"{name}{suffix}").write_text(text)


def faults(root: Path) -> list[str]:
    return [fault for name in lock.find(root) for fault in lock.check(root, name)]


def test_a_lock_that_was_resolved_for_its_requirements_fits(tmp_path: Path) -> None:
    write(
        tmp_path, "functions/a/requirements", "msgspec\n", f"msgspec==1{HASHES}    # via -r x.in\n"
    )
    write(
        tmp_path,
        "requirements/development",
        "# why\n-r ../functions/a/requirements.in\nRich[jupyter]>=2,<4  # tables\n",
        f"msgspec==1{HASHES}    # via\n    #   -r requirements/../functions/a/requirements.in\n"
        f"pygments==2{HASHES}    # via rich\n"
        f"rich==3 ; sys_platform == 'linux'{HASHES}    # via -r requirements/development.in\n",
    )
    write(tmp_path, "functions/none/requirements", "# nothing\n", "")

    assert lock.find(tmp_path) == [
        "functions/a/requirements",
        "functions/none/requirements",
        "requirements/development",
    ]
    assert faults(tmp_path) == []


@pytest.mark.parametrize(
    ("wanted", "locked", "said"),
    [
        (None, "", "tools/uv.txt exists without tools/uv.in"),
        ("uv", None, "tools/uv.in exists without tools/uv.txt"),
        ("uv", "", "tools/uv.in names uv, but tools/uv.txt was not resolved for it"),
        ("uv", f"uv==1{HASHES}    # via other\n", "uv, but tools/uv.txt was not resolved for it"),
        ("uv>=2", f"uv==1{HASHES}    # via -r tools/uv.in\n", "requires uv>=2, tools/uv.txt has 1"),
        (
            "",
            f"uv==1{HASHES}    # via -r tools/uv.in\n",
            "was resolved for uv, which tools/uv.in lacks",
        ),
        ("uv", "uv==1\n    # via -r tools/uv.in\n", "tools/uv.txt has no hash for uv"),
    ],
)
def test_what_does_not_fit_is_said(
    tmp_path: Path, wanted: str | None, locked: str | None, said: str
) -> None:
    write(tmp_path, "tools/uv", wanted, locked)

    (fault,) = faults(tmp_path)

    assert said in fault


def test_a_line_that_is_no_requirement_is_named(tmp_path: Path) -> None:
    write(tmp_path, "tools/uv", "# why\nuv ~~ 3\n", "")

    with pytest.raises(DevelopmentError, match=r"tools/uv\.in:2: "):
        faults(tmp_path)


def test_nothing_is_resolved_while_a_requirements_file_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "tools/uv", None, "")
    monkeypatch.setattr(lock, "ROOT", tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("resolved"))

    assert lock.main([]) == 1
    assert "exists without tools/uv.in" in capsys.readouterr().err


def test_all_locks_of_this_checkout_but_localstacks_are_resolved_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    resolved = []

    def resolve(_source: Path, lock: Path, *, upgrade: bool) -> None:
        assert upgrade
        resolved.append(lock.relative_to(ROOT).as_posix())

    monkeypatch.setattr(locks, "resolve", resolve)

    assert lock.main([]) == 0
    tracked = {
        path.relative_to(ROOT).as_posix() for path in ROOT.glob("functions/*/requirements.txt")
    }
    assert tracked | {"tools/uv.txt", "requirements/development.txt"} <= set(resolved)
    assert "src/event_pipelines/localstack/requirements.txt" not in resolved
    capsys.readouterr()


def test_one_functions_lock_is_resolved_and_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    resolved = []
    monkeypatch.setattr(locks, "resolve", lambda _source, lock, **_: resolved.append(lock))

    assert lock.main(["log_events"]) == 0
    assert resolved == [ROOT / "functions" / "log_events" / "requirements.txt"]
    assert lock.main(["log_event"]) == 1
    assert "functions/log_event/requirements.in does not exist" in capsys.readouterr().err
