"""The two environments of the embedded LocalStack, made once and kept in ``.tools``.

LocalStack needs versions of its own time (the newest break it), and functions get an interpreter
with what Lambda's runtime has and nothing else; so neither shares the development environment.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
UV = ROOT / ".tools" / "bin" / "uv"
LOCALSTACK = ROOT / ".tools" / "localstack"
LAMBDA_RUNTIME = ROOT / ".tools" / "lambda-runtime"
_LOCKS = {
    LOCALSTACK: HERE / "requirements.txt",
    LAMBDA_RUNTIME: HERE / "lambda_runtime" / "requirements.txt",
}


class SetUpError(Exception):
    """An environment can't be made; the message says what failed."""


def set_up() -> None:
    """Make the environments that are missing or older than their locks."""
    for folder, lock in _LOCKS.items():
        stamp = folder / ".lock-sha256"
        digest = hashlib.sha256(lock.read_bytes()).hexdigest()
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
            continue
        name = lock.relative_to(ROOT)
        print(f"setup: installing {name}", file=sys.stderr, flush=True)
        uv = str(UV) if UV.exists() else shutil.which("uv")
        if uv is None:
            raise SetUpError("uv is missing: run make setup")
        python = str(folder / "bin" / "python")
        for command in (
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
            [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(lock)],
        ):
            if subprocess.run(command, check=False, env=os.environ).returncode:
                raise SetUpError(f"{name} can't be installed: {' '.join(command)} failed")
        stamp.write_text(digest, encoding="utf-8")
