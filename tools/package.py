"""Package the functions: ``functions/<name>`` becomes ``build/<name>.zip`` and its SHA-256.

The same sources and lock files give the same bytes on every machine and in every directory, so a
plan shows a function as changed only if it has changed:

- dependencies are hash-locked wheels for Lambda's platform, whatever the host is;
- entries are sorted, dated 1980-01-01 and have fixed permissions;
- the archive is compressed by the locked libdeflate, because zlib's output differs between the
  zlib, zlib-ng and vendor builds that Python may be linked with;
- byte code is compiled in advance (``/var/task`` is read-only on Lambda, so Lambda can't cache it)
  with unchecked hashes instead of time stamps, for the path that the code has on Lambda.

A function's zip has its own folder, the folders next to it and in ``libraries/`` that it imports,
and the distributions of its ``requirements.txt``. boto3 is part of Lambda's runtime:
https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
"""

import argparse
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
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import deflate
from stream_zip import ZIP_32, stream_zip

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".tools" / "bin" / "uv"

# Amazon Linux 2023, on which python3.13 runs, has glibc 2.34.
PLATFORMS = {"arm64": "aarch64-manylinux_2_34", "x86_64": "x86_64-manylinux_2_34"}
PYTHON_VERSION = (3, 13)
TASK_ROOT = "/var/task"

# A zip can't have an earlier date: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
EPOCH = datetime.datetime(1980, 1, 1)  # noqa: DTZ001 (zip dates have no zone)

# Files that an installer adds and nothing reads at run time. Licences are kept.
INSTALLER_FILES = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "WHEEL"}

# Lambda refuses what is larger unzipped, layers included:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_UNZIPPED_BYTES = 250 * 1024 * 1024


class PackagingError(Exception):
    """A function can't be packaged; the message names the file and the necessary change."""


class _Deflate:
    """The part of zlib's compression object that stream-zip uses, implemented with libdeflate."""

    def __init__(self) -> None:
        self._data = bytearray()

    def compress(self, data: bytes) -> bytes:
        self._data += data
        return b""

    def flush(self) -> bytes:
        return bytes(deflate.deflate_compress(bytes(self._data), 9))


def main(arguments: Sequence[str] | None = None) -> int:
    """Package the named functions, by default all of them; print one line for each."""
    parser = argparse.ArgumentParser(prog="package", description="Package functions for Lambda.")
    parser.add_argument("names", nargs="*", metavar="function", help="default: all of them")
    parser.add_argument(
        "--source",
        type=Path,
        default=ROOT / "functions",
        help="the folder the functions are in; they import from it and from libraries/",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build", help="default: build")
    parser.add_argument("--architecture", choices=[*PLATFORMS, "host"], default="arm64")
    options = parser.parse_args(arguments)
    architecture = host_architecture() if options.architecture == "host" else options.architecture
    if sys.version_info[:2] != PYTHON_VERSION or sys.implementation.name != "cpython":
        print("package: needs CPython 3.13, whose byte code Lambda loads", file=sys.stderr)
        return 1
    try:
        names = options.names or functions_in(options.source)
        # Threads suffice: installing wheels waits for the network, compiling for a child process.
        with ThreadPoolExecutor(max_workers=4) as pool:
            for line in pool.map(
                lambda name: package(options.source, name, options.output, architecture), names
            ):
                print(line, flush=True)
    except PackagingError as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    return 0


def host_architecture() -> str:
    """Return the host's architecture with Lambda's name for it."""
    machine = platform.machine().lower()
    return "arm64" if machine in {"arm64", "aarch64"} else machine


def functions_in(source: Path) -> list[str]:
    """List the folders that are functions: those with a handler.py."""
    return sorted(path.parent.name for path in source.glob("*/handler.py"))


def package(source: Path, name: str, output: Path, architecture: str) -> str:
    """Write ``<output>/<name>.zip`` and ``.zip.sha256`` unless they are up to date.

    Returns
    -------
    str
        A line to print: the archive, its size and whether it was built.
    """
    for needed in ("handler.py", "__init__.py"):
        if not (source / name / needed).is_file():
            found = ", ".join(functions_in(source)) or "none"
            raise PackagingError(f"{source / name}/{needed} does not exist. Functions: {found}")
    archive = output / f"{name}.zip"
    inputs = fingerprint(source, name, architecture)
    record = output / ".package" / f"{name}.json"
    if _is_current(record, inputs, archive):
        return f"{_shown(archive)}  {_size(archive)}  up to date"
    with tempfile.TemporaryDirectory(prefix=f"package-{name}-") as temporary:
        staging = Path(temporary)
        _install_wheels(source / name / "requirements.txt", staging, architecture)
        for folder in local_packages(source, name):
            shutil.copytree(folder, staging / folder.name, ignore=_not_shipped)
        _compile(staging)
        unzipped = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
        if unzipped > MAX_UNZIPPED_BYTES:
            raise PackagingError(
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
    return f"{_shown(archive)}  {_size(archive)}  built for {architecture}, CodeSha256 {shown}"


def local_packages(source: Path, name: str) -> list[Path]:
    """List the folders that a function imports from at any depth, including its own."""
    found: dict[str, Path] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        for place in (source, ROOT / "libraries"):
            if (place / current / "__init__.py").is_file():
                found[current] = place / current
                for module in sorted(found[current].rglob("*.py")):
                    waiting += _imports(module)
                break
    return [found[package] for package in sorted(found)]


def fingerprint(source: Path, name: str, architecture: str) -> str:
    """Hash all inputs of a function's archive, so that an unchanged one is kept."""
    files = [Path(__file__), ROOT / "requirements" / "development.txt"]
    files.append(source / name / "requirements.txt")
    for folder in local_packages(source, name):
        files += _shipped_files(folder)
    digest = hashlib.sha256(f"{architecture} {sys.version}".encode())
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


def _install_wheels(lock: Path, staging: Path, architecture: str) -> None:
    if not lock.is_file():
        return
    command = [UV, "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
    command += ["--python", sys.executable, "--python-version", ".".join(map(str, PYTHON_VERSION))]
    command += ["--python-platform", PLATFORMS[architecture], "--no-compile-bytecode"]
    command += ["--link-mode", "copy", "--target", staging, "-r", lock]
    done = subprocess.run(
        list(map(str, command)), check=False, capture_output=True, text=True, cwd=lock.parent
    )
    if done.returncode:
        raise PackagingError(
            f"{lock} can't be installed for {PLATFORMS[architecture]}:\n{done.stderr.strip()}"
        )
    for path in sorted(staging.rglob("*"), reverse=True):
        is_installer_file = path.parent.suffix == ".dist-info" and path.name in INSTALLER_FILES
        if path.is_file() and (is_installer_file or path.suffix == ".pyi" or path.name == ".lock"):
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    # Console scripts contain the path of this machine's interpreter and can't run on Lambda.
    shutil.rmtree(staging / "bin", ignore_errors=True)


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
        raise PackagingError(f"this does not compile:\n{(done.stdout + done.stderr).strip()}")


def _imports(module: Path) -> Iterator[str]:
    try:
        tree = ast.parse(module.read_bytes(), filename=str(module))
    except SyntaxError as error:
        raise PackagingError(f"{module}:{error.lineno}: {error.msg}") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _is_shipped(path: Path) -> bool:
    return "__pycache__" not in path.parts and not path.name.startswith(("requirements.", "README"))


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


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1_000_000:.2f} MB"


if __name__ == "__main__":
    sys.exit(main())
