"""Plan the root module without AWS: in a copy, with what the provider asks answered here.

The provider asks who it is, whether other pipelines notify of the bucket's files and, for a bucket
that exists already, whether it does. A server of this process answers all of it, so no credentials
are needed and nothing outside is reached; packages that are not built yet are stood in for, since
only their names matter.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zipfile import ZipFile

from event_pipelines.terraform import Terraform
from tools.checkout import ROOT

_PACKAGE = re.compile(r'"?\bpackage"?\s*[:=]\s*"((?!s3://)[^"]+)"')
# https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
_IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/plan</Arn><UserId>PLAN</UserId>
<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""


def plan(var_file: Path, region: str) -> Any:
    """Plan the root module with a file of variables, as ``terraform show -json`` gives it.

    Raises
    ------
    OSError
        The file of variables can't be read.
    TerraformError
        Terraform refuses the variables; the message holds its diagnostics.
    """
    text = var_file.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="cost-") as folder, _aws() as endpoint:
        copy = Path(folder).resolve() / "root"
        _copy(copy)
        for package in _PACKAGE.findall(text):
            stand_in = (copy / package).resolve()
            if not Path(package).is_absolute() and stand_in.is_relative_to(copy):
                stand_in.parent.mkdir(parents=True, exist_ok=True)
                with ZipFile(stand_in, "w") as empty:
                    empty.writestr("handler.py", "")
        stack = Terraform(copy, copy.parent / "work", _environment(endpoint, region), {})
        stack.init()
        return stack.plan(f"-var-file={var_file.resolve()}")


def _copy(folder: Path) -> None:
    folder.mkdir()
    for file in ROOT.glob("*.tf"):
        shutil.copyfile(file, folder / file.name)
    left_out = shutil.ignore_patterns(".terraform*", "*.tfstate*")
    shutil.copytree(ROOT / "modules", folder / "modules", ignore=left_out)


def _environment(endpoint: str, region: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "plan",
        "AWS_SECRET_ACCESS_KEY": "plan",
        "AWS_SESSION_TOKEN": "",
        "AWS_PROFILE": "",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": region,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ENDPOINT_URL_STS": endpoint,
    }


@contextmanager
def _aws() -> Iterator[str]:
    """Answer the provider's questions, at the address it is given."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Answers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_parameters = self.headers.get("X-Amz-Target", "").startswith("AmazonSSM.")
        self._answer(b'{"Parameters": []}' if is_parameters else _IDENTITY)

    def do_HEAD(self) -> None:
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amz-bucket-region", "us-east-1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the questions are of no interest."""
