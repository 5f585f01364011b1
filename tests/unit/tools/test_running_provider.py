"""A provider that runs already is found by Terraform, and ends with whoever started it."""

import json
import os
from pathlib import Path

import pytest

from tools.running_provider import ProviderError, running_provider

SAID = """
Provider started. To attach Terraform CLI, set the TF_REATTACH_PROVIDERS environment variable:

    TF_REATTACH_PROVIDERS='{"registry.terraform.io/hashicorp/aws":{"Protocol":"grpc","Pid":7}}'
"""


def installed(folder: Path, registry: str, script: str) -> Path:
    place = folder / "providers" / registry / "hashicorp" / "aws" / "9.0.0" / "linux_amd64"
    place.mkdir(parents=True)
    program = place / "terraform-provider-aws_v9.0.0"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize("registry", ["registry.terraform.io", "registry.opentofu.org"])
def test_terraform_is_told_where_the_provider_listens(tmp_path: Path, registry: str) -> None:
    (tmp_path / "said").write_text(SAID, encoding="utf-8")
    script = f'echo $$ "$REGION" "$1" > {tmp_path}/started; cat {tmp_path}/said; exec sleep 60'

    with running_provider(installed(tmp_path, registry, script), {"REGION": "here"}) as environment:
        number, region, option = (tmp_path / "started").read_text("utf-8").split()
        os.kill(int(number), 0)

    assert (region, option) == ("here", "-debug")
    assert json.loads(environment["TF_REATTACH_PROVIDERS"]) == {
        f"{registry}/hashicorp/aws": {"Protocol": "grpc", "Pid": 7}
    }
    with pytest.raises(ProcessLookupError):
        os.kill(int(number), 0)


def test_a_provider_that_ends_is_an_error_with_what_it_said(tmp_path: Path) -> None:
    data = installed(tmp_path, "registry.terraform.io", "echo 'no such option' >&2; exit 3")

    with (
        pytest.raises(ProviderError, match="ended with code 3: no such option"),
        running_provider(data),
    ):
        pytest.fail("it never ran")


def test_a_provider_that_crashes_while_it_is_used_is_an_error_with_its_output(
    tmp_path: Path,
) -> None:
    (tmp_path / "said").write_text(SAID, encoding="utf-8")
    script = (
        f"echo $$ > {tmp_path}/started; cat {tmp_path}/said; read line < {tmp_path}/pipe; "
        "echo 'concurrent map writes'; exit 2"
    )
    data = installed(tmp_path, "registry.terraform.io", script)
    os.mkfifo(tmp_path / "pipe")

    def crash() -> None:
        number = int((tmp_path / "started").read_text("utf-8"))
        (tmp_path / "pipe").write_text("crash\n", encoding="utf-8")
        os.waitid(os.P_PID, number, os.WEXITED | os.WNOWAIT)

    with (
        pytest.raises(ProviderError, match=r"(?s)ended with code 2: .*concurrent map writes"),
        running_provider(data),
    ):
        crash()


def test_a_configuration_without_its_provider_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="terraform init"), running_provider(tmp_path):
        pytest.fail("it never ran")
