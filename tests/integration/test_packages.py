"""`make package` for AWS: wheels of Lambda's platform, whatever this host is."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.checkout import ROOT

pytestmark = pytest.mark.integration

# e_machine of the ELF header: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
MACHINES = {"arm64": 183, "x86_64": 62}
MAX_ZIP_BYTES = 8_000_000


@pytest.mark.parametrize("architecture", MACHINES)
def test_a_package_holds_libraries_for_its_architecture_and_no_boto3(
    architecture: str, tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-m",
        "event_pipelines",
        "package",
        "--architecture",
        architecture,
    ]
    subprocess.run([*command, "--output", str(tmp_path), "transform_objects"], check=True, cwd=ROOT)

    archive = tmp_path / "transform_objects.zip"
    with zipfile.ZipFile(archive) as zipped:
        names = zipped.namelist()
        libraries = [zipped.read(name)[:20] for name in names if name.endswith(".so")]
    assert libraries
    assert {int.from_bytes(head[18:20], "little") for head in libraries} == {MACHINES[architecture]}
    assert archive.stat().st_size <= MAX_ZIP_BYTES
    folders = {name.partition("/")[0] for name in names}
    assert {"transform_objects", "object_consumer", "obstore", "msgspec"} <= folders
    assert not {"boto3", "botocore", "log_events"} & folders
