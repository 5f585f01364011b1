"""Package functions: ``functions/<name>`` becomes ``build/<name>.zip`` and its SHA-256.

The same sources and lock files give the same bytes on every machine and in every directory, so a
plan shows a function as changed only if it has changed:

- dependencies are hash-locked wheels for Lambda's platform, whatever the host is;
- entries are sorted, dated 1980-01-01 and have fixed permissions;
- the archive is compressed by libdeflate, because zlib's output differs between the zlib, zlib-ng
  and vendor builds that Python may be linked with;
- byte code is compiled in advance (``/var/task`` is read-only on Lambda, so Lambda can't cache it)
  with unchecked hashes instead of time stamps, for the path that the code has on Lambda.

A function's zip has its own folder, the folders next to it that it imports, and the distributions
of its ``requirements.txt``; of this one, only the packages that it imports. boto3 is part of
Lambda's runtime: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
"""

import ast
import base64
import datetime
import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated

import deflate
import typer
from stream_zip import ZIP_32, stream_zip

from event_pipelines.development import locks
from event_pipelines.development.errors import DevelopmentError
from event_pipelines.installation import (
    CHECKOUT,
    DISTRIBUTION,
    PYTHON_VERSION,
    RUNTIME_PACKAGES,
    SOURCES,
    find_uv,
)

# Amazon Linux 2023, on which python3.13 runs, has glibc 2.34.
PLATFORMS = {"arm64": "aarch64-manylinux_2_34", "x86_64": "x86_64-manylinux_2_34"}
TASK_ROOT = "/var/task"

# A zip can't have an earlier date: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
EPOCH = datetime.datetime(1980, 1, 1)  # noqa: DTZ001 (zip dates have no zone)

# Files that an installer adds and nothing reads at run time. Licences are kept.
INSTALLER_FILES = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "WHEEL"}

# Tells type checkers that a package has type annotations:
# https://typing.python.org/en/latest/spec/distributing.html
TYPE_MARKER = "py.typed"

# Lambda refuses what is larger unzipped, layers included:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_UNZIPPED_BYTES = 250 * 1024 * 1024

# What Lambda's runtime has beside the standard library, at its top level:
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
LAMBDA_PACKAGES = {
    *("awslambdaric", "boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six"),
    *("runtime_client", "snapshot_restore_py", "simplejson", "urllib3"),
}

# The packages of this distribution.
OWN_PACKAGES = {*RUNTIME_PACKAGES, "aws_rules", "event_pipelines"}


class Architecture(StrEnum):
    """Lambda's names of instruction sets, and the host's."""

    ARM64 = "arm64"
    X86_64 = "x86_64"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Import:
    """A package that a module imports.

    Attributes
    ----------
    place
        The file and the line.
    needed
        Whether the module can't be loaded without it: not in a function, a condition or a ``try``.
    """

    package: str
    place: str
    needed: bool


class _Deflate:
    """The part of zlib's compression object that stream-zip uses, implemented with libdeflate."""

    def __init__(self) -> None:
        self._data = bytearray()

    def compress(self, data: bytes) -> bytes:
        self._data += data
        return b""

    def flush(self) -> bytes:
        return bytes(deflate.deflate_compress(bytes(self._data), 9))


def command(
    functions: Annotated[
        list[str] | None, typer.Argument(metavar="[FUNCTION]...", help="Default: all of them.")
    ] = None,
    *,
    source: Annotated[
        Path, typer.Option(help="The folder of the functions: each has a handler.py.")
    ] = Path("functions"),
    output: Annotated[Path, typer.Option(help="The folder for the zip files.")] = Path("build"),
    architecture: Annotated[
        Architecture | None,
        typer.Option(
            help="Default: arm64, or the host's architecture if AWS_ENDPOINT_URL is set, because "
            "LocalStack runs functions on the host."
        ),
    ] = None,
    provided: Annotated[
        list[str] | None,
        typer.Option(metavar="PACKAGE", help="A Python package that a layer provides."),
    ] = None,
) -> None:
    """Package functions for Lambda: FUNCTION.zip and its SHA-256, the same bytes everywhere."""
    package_all(source, output, chosen(architecture), functions or (), provided or ())


def package_all(
    source: Path,
    output: Path,
    architecture: str,
    names: Sequence[str] = (),
    provided: Iterable[str] = (),
) -> None:
    """Package functions, by default all of a folder; print one line for each.

    Raises
    ------
    DevelopmentError
        One can't be packaged; the message names the file and the necessary change.
    """
    if sys.version_info[:2] != PYTHON_VERSION or sys.implementation.name != "cpython":
        raise DevelopmentError(
            f"packaging needs CPython 3.13, whose byte code Lambda loads; this is {sys.executable}"
        )
    names = names or functions_in(source)
    if not names:
        raise DevelopmentError(
            f"{source} has no function: a function is a folder with a handler.py and an __init__.py"
        )
    # Threads suffice: installing wheels waits for the network, compiling for a child process.
    with ThreadPoolExecutor(max_workers=4) as pool:
        for line in pool.map(
            lambda name: package(source, name, output, architecture, provided), names
        ):
            print(line, flush=True)


def chosen(architecture: Architecture | None) -> str:
    """Return Lambda's name of the architecture to package for."""
    if architecture is None:
        architecture = (
            Architecture.HOST if os.environ.get("AWS_ENDPOINT_URL") else Architecture.ARM64
        )
    return host_architecture() if architecture is Architecture.HOST else architecture.value


def host_architecture() -> str:
    """Return the host's architecture with Lambda's name for it."""
    machine = platform.machine().lower()
    return "arm64" if machine in {"arm64", "aarch64"} else machine


def functions_in(source: Path) -> list[str]:
    """List the folders that are functions: those with a handler.py."""
    return sorted(path.parent.name for path in source.glob("*/handler.py"))


def package(
    source: Path, name: str, output: Path, architecture: str, provided: Iterable[str] = ()
) -> str:
    """Write ``<output>/<name>.zip`` and ``.zip.sha256`` unless they are up to date.

    Returns
    -------
    str
        A line to print: the archive, its size and whether it was built.
    """
    for needed in ("handler.py", "__init__.py"):
        if not (source / name / needed).is_file():
            found = ", ".join(functions_in(source)) or "none"
            raise DevelopmentError(f"{source / name}/{needed} does not exist. Functions: {found}")
    lock = _checked_lock(source, name)
    archive = output / f"{name}.zip"
    folders = local_packages(source, name)
    inputs = fingerprint(source, name, architecture, folders)
    record = output / ".package" / f"{name}.json"
    if _is_current(record, inputs, archive):
        return f"{archive}  {_size(archive)}  up to date"
    with tempfile.TemporaryDirectory(prefix=f"package-{name}-") as temporary:
        staging = Path(temporary)
        if lock is not None:
            _install_wheels(lock, staging, architecture)
        for folder in folders:
            shutil.copytree(folder, staging / folder.name, ignore=_not_shipped)
        _remove_unused(staging, folders)
        _check_imports(source, name, staging, folders, provided)
        _compile(staging)
        unzipped = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
        if unzipped > MAX_UNZIPPED_BYTES:
            raise DevelopmentError(
                f"{name} is {unzipped:,} bytes unzipped; Lambda accepts {MAX_UNZIPPED_BYTES:,}: "
                f"remove dependencies from {source / name}/requirements.in or move them to a layer"
            )
        output.mkdir(parents=True, exist_ok=True)
        digest = write_archive(staging, archive)
    checksum = f"{digest.hex()}  {archive.name}\n"
    archive.with_name(f"{archive.name}.sha256").write_text(checksum, encoding="utf-8")
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"inputs": inputs, "sha256": digest.hex()}), encoding="utf-8")
    shown = base64.b64encode(digest).decode()
    return f"{archive}  {_size(archive)}  built for {architecture}, CodeSha256 {shown}"


def local_packages(source: Path, name: str) -> list[Path]:
    """List the folders that a function imports from at any depth, including its own.

    They are next to it; in a checkout of this distribution, its runtime packages count too.
    """
    found: dict[str, Path] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        folder = _local_package(source, current)
        if folder is not None and current not in found:
            found[current] = folder
            waiting += [one.package for one in imports(folder)]
    return [found[package] for package in sorted(found)]


def fingerprint(source: Path, name: str, architecture: str, folders: Iterable[Path]) -> str:
    """Hash all inputs of a function's archive, so that an unchanged one is kept."""
    files = [source / name / "requirements.txt"]
    for folder in folders:
        files += _shipped_files(folder)
    tools = [f"{one} {metadata.version(one)}" for one in ("deflate", "stream-zip")]
    digest = hashlib.sha256(f"{architecture} {sys.version} {tools}".encode())
    digest.update(Path(__file__).read_bytes())
    for path in sorted(files):
        if path.is_file():
            digest.update(f"\n{os.path.relpath(path, source)}\n".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def write_archive(folder: Path, archive: Path) -> bytes:
    """Zip a folder so that equal contents give equal bytes; return the SHA-256 of the archive.

    The archive is replaced atomically, because a plan may be reading it.
    """

    def members() -> Iterator[tuple[str, datetime.datetime, int, object, tuple[bytes]]]:
        for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
            if path.is_file():
                relative = path.relative_to(folder).as_posix()
                yield relative, EPOCH, stat.S_IFREG | 0o644, ZIP_32, (path.read_bytes(),)

    digest = hashlib.sha256()
    partial = archive.with_name(f".{archive.name}.partial")
    with partial.open("wb") as file:
        chunks = stream_zip(
            members(),  # type: ignore[arg-type]  # its Method classes are not public
            get_compressobj=_Deflate,  # type: ignore[arg-type]  # the part of zlib's that it calls
            extended_timestamps=False,
        )
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
    partial.replace(archive)
    return digest.digest()


def _local_package(source: Path, name: str) -> Path | None:
    folders = [source / name]
    if CHECKOUT is not None and name in RUNTIME_PACKAGES:
        folders.append(SOURCES / name)
    return next((folder for folder in folders if (folder / "__init__.py").is_file()), None)


def _checked_lock(source: Path, name: str) -> Path | None:
    """Return a function's lock file, if it needs one and the lock file fits its requirements."""
    lock = source / name / "requirements.txt"
    requirements = lock.with_suffix(".in")
    if requirements.is_file():
        remedy = f"make lock FUNCTION={name}" if CHECKOUT else f"pipeline lock {name}"
        if faults := list(locks.check(requirements, lock, remedy)):
            raise DevelopmentError("\n".join(faults))
    return lock if lock.is_file() else None


def _install_wheels(lock: Path, staging: Path, architecture: str) -> None:
    """Install what a lock file pins; what is pinned to a commit has no other hash."""
    pins = locks.read(lock).items()
    if not pins:
        return
    at_commit = [f"{name} @ {pin.version}" for name, pin in pins if locks.is_commit(pin.version)]
    lines = lock.read_text(encoding="utf-8").splitlines(keepends=True)
    hashed = "".join(line for line in lines if "git+" not in line)
    command = [find_uv(), "pip", "install", "--quiet", "--python", sys.executable]
    command += ["--python-version", ".".join(map(str, PYTHON_VERSION)), "--no-compile-bytecode"]
    command += ["--python-platform", PLATFORMS[architecture], "--link-mode", "copy"]
    command += ["--target", str(staging)]
    runs = [(["--require-hashes", "--only-binary", ":all:", "-r", "-"], hashed)]
    runs += [(["--no-deps", requirement], "") for requirement in at_commit]
    for arguments, given in runs:
        done = subprocess.run(
            [*command, *arguments],
            check=False,
            cwd=lock.parent,
            input=given,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise DevelopmentError(
                f"{lock} can't be installed for {PLATFORMS[architecture]}:\n{done.stderr.strip()}"
            )
    for path in sorted(staging.rglob("*"), reverse=True):
        is_installer_file = path.parent.suffix == ".dist-info" and path.name in INSTALLER_FILES
        is_for_types = path.suffix == ".pyi" or path.name == TYPE_MARKER
        if path.is_file() and (is_installer_file or is_for_types or path.name == ".lock"):
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    # Console scripts contain the path of this machine's interpreter and can't run on Lambda.
    shutil.rmtree(staging / "bin", ignore_errors=True)


def _remove_unused(staging: Path, folders: Iterable[Path]) -> None:
    """Remove the packages of this distribution that nothing in the zip imports."""
    wanted: set[str] = set()
    waiting = list(folders)
    while waiting:
        for one in imports(waiting.pop()):
            if one.package in OWN_PACKAGES and one.package not in wanted:
                wanted.add(one.package)
                waiting.append(staging / one.package)
    for name in OWN_PACKAGES - wanted - {folder.name for folder in folders}:
        shutil.rmtree(staging / name, ignore_errors=True)


def _check_imports(
    source: Path, name: str, staging: Path, folders: Iterable[Path], provided: Iterable[str]
) -> None:
    """Refuse what would fail at init, because nothing provides a module that is imported."""
    known = {*sys.stdlib_module_names, *LAMBDA_PACKAGES, *provided}
    known |= {path.name.partition(".")[0] for path in staging.iterdir()}
    for folder in folders:
        for one in imports(folder):
            if one.needed and one.package not in known:
                requirement = DISTRIBUTION if one.package in OWN_PACKAGES else one.package
                raise DevelopmentError(
                    f"{one.place} imports {one.package}, which is not in the zip: add "
                    f"{requirement} to {source / name}/requirements.in and lock it, or name it "
                    "with --provided if a layer has it"
                )


def _compile(staging: Path) -> None:
    """Compile all byte code in a separate process.

    Marshalled code depends on the hash seed and on the strings that the process has interned, so
    the process starts from a fixed state; compileall walks a folder in a fixed order.
    """
    command = [sys.executable, "-s", "-S", "-m", "compileall", "-q", "-f", "-o", "0"]
    command += ["--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(staging), "-p", TASK_ROOT, str(staging)]
    environment = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise DevelopmentError(f"this does not compile:\n{(done.stdout + done.stderr).strip()}")


def imports(folder: Path) -> Iterator[Import]:
    """List what the modules of a package import from elsewhere."""
    for module in sorted(folder.rglob("*.py")):
        try:
            tree = ast.parse(module.read_bytes(), filename=str(module))
        except SyntaxError as error:
            raise DevelopmentError(f"{module}:{error.lineno}: {error.msg}") from error
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                place = f"{module}:{getattr(node, 'lineno', 1)}"
                yield Import(name.partition(".")[0], place, needed=node in tree.body)


def _is_shipped(path: Path) -> bool:
    is_for_developers = (
        path.name.startswith(("requirements.", "README")) or path.name == TYPE_MARKER
    )
    return "__pycache__" not in path.parts and not is_for_developers


def _shipped_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and _is_shipped(path)]


def _not_shipped(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not _is_shipped(Path(name))}


def _is_current(record: Path, inputs: str, archive: Path) -> bool:
    try:
        last = json.loads(record.read_bytes())
        built = hashlib.sha256(archive.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return False
    return bool(last == {"inputs": inputs, "sha256": built})


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1_000_000:.2f} MB"
