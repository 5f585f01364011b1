"""Packaging: what goes into a zip, and that equal sources give equal bytes."""

import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from event_pipelines.development import package
from event_pipelines.development.errors import DevelopmentError

ROOT = Path(__file__).resolve().parents[3]

HANDLER = """\
import json
import shared.parts

COLOURS = {"red", "green", "blue"}


def handler(event, context):
    return json.dumps(sorted(COLOURS)) + shared.parts.NAME
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Functions with one that imports a shared package, and one that doesn't."""
    files = {
        "first/__init__.py": "",
        "first/handler.py": HANDLER,
        "first/schema.json": "{}",
        "first/README.md": "not shipped",
        "first/requirements.in": "# not shipped",
        "first/requirements.txt": "",
        "second/__init__.py": "",
        "second/handler.py": "def handler(event, context): ...\n",
        "shared/__init__.py": "",
        "shared/parts.py": "from deep import level\nNAME = level.NAME\n",
        "deep/__init__.py": "",
        "deep/level.py": "NAME = 'deep'\n",
        "unused/__init__.py": "",
        "unused/parts.py": "class Parts: ...\n",
    }
    for name, text in files.items():
        path = tmp_path / "functions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "functions"


def entries(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as zipped:
        assert zipped.testzip() is None
        return zipped.namelist()


def test_a_zip_holds_the_function_and_the_packages_it_imports_at_any_depth(
    source: Path, tmp_path: Path
) -> None:
    package.package(source, "first", tmp_path, "arm64")

    folders = {name.partition("/")[0] for name in entries(tmp_path / "first.zip")}
    assert folders == {"first", "shared", "deep"}


def test_a_function_elsewhere_may_import_the_projects_own_packages(
    source: Path, tmp_path: Path
) -> None:
    (source / "first" / "handler.py").write_text("from circuit_state import Record\n")

    package.package(source, "first", tmp_path, "arm64")

    assert "circuit_state/__init__.py" in entries(tmp_path / "first.zip")


def test_data_files_are_shipped_and_what_only_developers_read_is_not(
    source: Path, tmp_path: Path
) -> None:
    (source / "first" / package.TYPE_MARKER).touch()

    package.package(source, "first", tmp_path, "arm64")

    names = entries(tmp_path / "first.zip")
    assert "first/schema.json" in names
    assert not [
        name for name in names if "README" in name or "requirements" in name or "py.typed" in name
    ]


def test_type_checkers_read_the_annotations_of_every_package_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = project["tool"]["uv"]["build-backend"]["module-name"]
    assert "object_consumer" in names
    assert not [name for name in names if not (ROOT / "src" / name / package.TYPE_MARKER).is_file()]


def test_every_module_carries_byte_code_that_names_its_place_on_lambda(
    source: Path, tmp_path: Path
) -> None:
    package.package(source, "first", tmp_path, "arm64")

    with zipfile.ZipFile(tmp_path / "first.zip") as zipped:
        modules = [name for name in zipped.namelist() if name.endswith(".py")]
        for module in modules:
            compiled = zipped.read(importlib.util.cache_from_source(module))
            assert compiled[:4] == importlib.util.MAGIC_NUMBER
            # PEP 552: hash-based, and not checked against the source at import.
            assert int.from_bytes(compiled[4:8], "little") == 0b01
            assert f"/var/task/{module}".encode() in compiled


def test_entries_have_one_date_one_mode_and_are_sorted(source: Path, tmp_path: Path) -> None:
    package.package(source, "first", tmp_path, "arm64")

    with zipfile.ZipFile(tmp_path / "first.zip") as zipped:
        infos = zipped.infolist()
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.external_attr >> 16 for info in infos} == {stat.S_IFREG | 0o644}
    assert [info.filename for info in infos] == sorted(info.filename for info in infos)


def build_elsewhere(source: Path, folder: Path, environment: dict[str, str], umask: int) -> bytes:
    """Package a copy of the sources in a process of its own; give the archive."""
    copied = folder / "a different place" / "functions"
    shutil.copytree(source, copied)
    command = [sys.executable, "-m", "event_pipelines", "package", "--source", str(copied)]
    subprocess.run(
        [*command, "--output", str(folder), "first"],
        check=True,
        env={**os.environ, **environment},
        umask=umask,
        capture_output=True,
    )
    return (folder / "first.zip").read_bytes()


def test_equal_sources_give_equal_bytes_wherever_and_however_they_are_built(
    source: Path, tmp_path: Path
) -> None:
    package.package(source, "first", tmp_path, "arm64")
    here = (tmp_path / "first.zip").read_bytes()

    (tmp_path / "x").mkdir()
    surroundings = {"PYTHONHASHSEED": "4242", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    assert build_elsewhere(source, tmp_path / "x", surroundings, 0o077) == here


def test_the_checksum_file_states_the_archives_sha256(source: Path, tmp_path: Path) -> None:
    package.package(source, "second", tmp_path, "arm64")

    digest = hashlib.sha256((tmp_path / "second.zip").read_bytes()).hexdigest()
    assert (tmp_path / "second.zip.sha256").read_text() == f"{digest}  second.zip\n"


def test_an_unchanged_function_is_not_built_again(source: Path, tmp_path: Path) -> None:
    assert "built" in package.package(source, "first", tmp_path, "arm64")
    before = (tmp_path / "first.zip").stat().st_mtime_ns

    assert "up to date" in package.package(source, "first", tmp_path, "arm64")
    assert (tmp_path / "first.zip").stat().st_mtime_ns == before


def change_source(source: Path, _output: Path) -> None:
    (source / "deep" / "level.py").write_text("NAME = 'other'\n")


def remove_file(source: Path, _output: Path) -> None:
    (source / "first" / "schema.json").unlink()


def damage_archive(_source: Path, output: Path) -> None:
    (output / "first.zip").write_bytes(b"cut off")


@pytest.mark.parametrize("change", [change_source, remove_file, damage_archive])
def test_a_function_is_built_again_when_what_it_is_made_of_changes(
    source: Path, tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    package.package(source, "first", tmp_path, "arm64")
    change(source, tmp_path)

    assert "built" in package.package(source, "first", tmp_path, "arm64")
    assert entries(tmp_path / "first.zip")


def test_another_architecture_is_another_build(source: Path, tmp_path: Path) -> None:
    package.package(source, "first", tmp_path, "arm64")

    assert "built for x86_64" in package.package(source, "first", tmp_path, "x86_64")


def test_an_unknown_function_is_named_with_the_ones_there_are(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DevelopmentError, match=r"Functions: first, second$") as caught:
        package.package(source, "frist", tmp_path, "arm64")

    assert "frist/handler.py does not exist" in str(caught.value)


def test_a_syntax_error_names_the_file_and_line(source: Path, tmp_path: Path) -> None:
    (source / "first" / "handler.py").write_text("x = 1\ndef :\n")

    with pytest.raises(DevelopmentError, match=r"first/handler\.py:2: invalid syntax"):
        package.package(source, "first", tmp_path, "arm64")


def test_a_dependency_without_a_locked_hash_is_refused(source: Path, tmp_path: Path) -> None:
    (source / "first" / "requirements.txt").write_text("msgspec==0.19.0\n")

    with pytest.raises(DevelopmentError, match=r"requirements\.txt has no hash for msgspec: run"):
        package.package(source, "first", tmp_path, "arm64")
    assert not (tmp_path / "first.zip").exists()


def test_requirements_without_a_lock_file_are_refused(source: Path, tmp_path: Path) -> None:
    (source / "first" / "requirements.txt").unlink()

    with pytest.raises(DevelopmentError, match=r"requirements\.in exists without .*requirements"):
        package.package(source, "first", tmp_path, "arm64")
    assert not (tmp_path / "first.zip").exists()


def test_a_lock_file_older_than_its_requirements_is_refused(source: Path, tmp_path: Path) -> None:
    (source / "first" / "requirements.in").write_text("msgspec\n")

    with pytest.raises(DevelopmentError, match=r"names msgspec, but .* was not resolved for it"):
        package.package(source, "first", tmp_path, "arm64")


def test_a_module_that_nothing_provides_is_refused_with_its_line(
    source: Path, tmp_path: Path
) -> None:
    handler = source / "second" / "handler.py"
    handler.write_text("import boto3\nimport requests.sessions\n")

    with pytest.raises(DevelopmentError, match=r"handler\.py:2 imports requests, which is not in"):
        package.package(source, "second", tmp_path, "arm64")
    assert "built" in package.package(source, "second", tmp_path, "arm64", ["requests"])


def test_an_import_that_may_fail_is_not_refused(source: Path, tmp_path: Path) -> None:
    handler = source / "second" / "handler.py"
    handler.write_text("try:\n    import orjson\nexcept ImportError:\n    orjson = None\n")

    assert "built" in package.package(source, "second", tmp_path, "arm64")


def test_of_this_distribution_only_what_is_imported_is_shipped(tmp_path: Path) -> None:
    staging = tmp_path / "staging"
    for module, text in {
        "mine/handler.py": "from record_formats import reading\n",
        "record_formats/reading.py": "import object_consumer\n",
        "object_consumer/__init__.py": "",
        "circuit_state/__init__.py": "",
        "event_pipelines/cli.py": "import typer\n",
    }.items():
        (staging / module).parent.mkdir(parents=True, exist_ok=True)
        (staging / module).write_text(text)

    package._remove_unused(staging, [staging / "mine"])

    assert {path.name for path in staging.iterdir()} == {
        *("mine", "object_consumer", "record_formats")
    }


@pytest.mark.parametrize(
    ("variable", "architecture", "expected"),
    [
        ("", None, "arm64"),
        ("http://127.0.0.1:4566", None, package.host_architecture()),
        ("http://127.0.0.1:4566", package.Architecture.ARM64, "arm64"),
        ("", package.Architecture.HOST, package.host_architecture()),
    ],
)
def test_localstack_gets_packages_for_this_host(
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    architecture: package.Architecture | None,
    expected: str,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", variable)

    assert package.chosen(architecture) == expected
