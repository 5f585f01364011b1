"""Lock files of other repositories: what is installed from a repository or from a file."""

from pathlib import Path

import pytest

from event_pipelines.development import locks

URL = "git+https://example.com/event-driven-pipelines.git"
OTHER = "git+https://example.com/other.git"
COMMIT = "f6aaa0353bc0a7d8cde59423f6ea1ee93bc62855"
WHEEL = "https://example.com/tools-1.0-py3-none-any.whl"
HASH = " \\\n    --hash=sha256:00\n"
VIA = "    # via -r requirements.in\n"


def faults(folder: Path, wanted: str, locked: str) -> list[str]:
    (folder / "requirements.in").write_text(wanted)
    (folder / "requirements.txt").write_text(locked)
    found = locks.check(folder / "requirements.in", folder / "requirements.txt", "pipeline lock")
    return list(found)


@pytest.mark.parametrize(
    ("wanted", "locked"),
    [
        (f"tools @ {URL}@v1.0.0\n", f"tools @ {URL}@{COMMIT}\n{VIA}"),
        (f"tools @ {WHEEL}\n", f"tools @ {WHEEL}{HASH}{VIA}"),
        ("--find-links wheels\ntools\n", f"--find-links wheels\n\ntools==1.0{HASH}{VIA}"),
    ],
)
def test_a_commit_is_as_good_as_a_hash(tmp_path: Path, wanted: str, locked: str) -> None:
    assert faults(tmp_path, wanted, locked) == []


@pytest.mark.parametrize(
    ("wanted", "locked", "said"),
    [
        (f"tools @ {URL}@v1\n", f"tools @ {URL}@v1\n{VIA}", "has no hash for tools"),
        (
            f"tools @ {URL}@v1\n",
            f"tools @ {OTHER}@{COMMIT}\n{VIA}",
            "requires tool",
        ),
        (f"tools @ {WHEEL}\n", f"tools @ {WHEEL}x{HASH}{VIA}", "requires tools"),
    ],
)
def test_another_source_or_no_commit_is_refused(
    tmp_path: Path, wanted: str, locked: str, said: str
) -> None:
    (fault,) = faults(tmp_path, wanted, locked)

    assert said in fault
    assert fault.endswith("run pipeline lock")


def test_in_a_checkout_its_own_name_stands_for_its_dependencies(tmp_path: Path) -> None:
    (tmp_path / "inner.in").write_text("event-driven-pipelines\njsonschema\n")
    source = tmp_path / "requirements.in"
    source.write_text("# why\n-r inner.in\nrich\n")

    assert locks.expanded(source).splitlines() == [
        *("# why", "msgspec", "obstore", "jsonschema", "rich")
    ]
    names = [requirement.name for requirement in locks.requirements(source)]
    assert names == ["msgspec", "obstore", "jsonschema", "rich"]
