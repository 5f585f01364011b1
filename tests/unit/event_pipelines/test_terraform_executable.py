"""Which Terraform and which source of the providers is used."""

import os
import platform
import stat
import subprocess
from pathlib import Path

import pytest

from event_pipelines import terraform_executable
from event_pipelines.terraform_executable import (
    TerraformNotFoundError,
    find_mirror,
    find_terraform,
    write_wrapper,
)

HOST = "registry.terraform.io"


@pytest.fixture(autouse=True)
def tools_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep this machine's own Terraform and mirror out of the tests."""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    for name in ("TERRAFORM", "TF_PLUGIN_MIRROR", "TF_CLI_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(terraform_executable, "MIRROR_PREFIXES", ())
    return tmp_path / "tools"


def make_mirror(folder: Path, target: str = "linux_amd64") -> Path:
    (folder / HOST / "hashicorp" / "aws" / "5.100.0" / target).mkdir(parents=True)
    return folder


def make_terraform(folder: Path, name: str = "terraform", version: str = "1.11.4") -> Path:
    """Make a program that answers `version -json` and otherwise shows what it was given."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = version ]; then echo \'{{"terraform_version": "{version}"}}\'; exit; fi\n'
        'echo "config=${TF_CLI_CONFIG_FILE-unset} cache=${TF_PLUGIN_CACHE_DIR-unset} $*"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def run_wrapper(folder: Path) -> str:
    done = subprocess.run(
        [folder / "bin" / "terraform", "plan", "-no-color"],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("depth", ["", "plugins", "share/plugins"])
def test_a_mirror_is_found_up_to_two_levels_below_a_system_prefix(
    tmp_path: Path, depth: str
) -> None:
    mirror = make_mirror(tmp_path / "opt" / depth)

    assert find_mirror({}, [str(tmp_path / "opt")], HOST) == mirror


def test_a_packed_mirror_counts_as_well(tmp_path: Path) -> None:
    provider = tmp_path / "opt" / HOST / "hashicorp" / "aws"
    provider.mkdir(parents=True)
    (provider / "terraform-provider-aws_5.100.0_linux_amd64.zip").touch()

    assert find_mirror({}, [str(tmp_path / "opt")], HOST) == tmp_path / "opt"


def test_a_mirror_for_another_platform_or_registry_is_not_taken(tmp_path: Path) -> None:
    make_mirror(tmp_path / "opt" / "plugins", target="darwin_arm64")

    assert find_mirror({}, [str(tmp_path / "opt")], HOST) is None
    make_mirror(tmp_path / "opt" / "plugins")
    assert find_mirror({}, [str(tmp_path / "opt")], "registry.opentofu.org") is None


def test_the_variable_comes_before_the_prefixes(tmp_path: Path) -> None:
    make_mirror(tmp_path / "opt")
    mine = make_mirror(tmp_path / "mine")

    found = find_mirror({"TF_PLUGIN_MIRROR": str(mine)}, [str(tmp_path / "opt")], HOST)
    assert found == mine


def test_a_variable_that_names_no_mirror_is_an_error_and_not_passed_over(tmp_path: Path) -> None:
    make_mirror(tmp_path / "opt")

    with pytest.raises(TerraformNotFoundError, match="TF_PLUGIN_MIRROR=/nowhere has no registry"):
        find_mirror({"TF_PLUGIN_MIRROR": "/nowhere"}, [str(tmp_path / "opt")], HOST)


def test_the_users_own_cli_configuration_is_left_in_charge(tmp_path: Path) -> None:
    make_mirror(tmp_path / "opt")
    configuration = tmp_path / "terraform.rc"
    configuration.touch()

    environment = {"TF_CLI_CONFIG_FILE": str(configuration)}
    assert find_mirror(environment, [str(tmp_path / "opt")], HOST) is None


def test_the_wrapper_points_terraform_at_the_mirror(
    tmp_path: Path, tools_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{make_terraform(tmp_path / 'path').parent}:/usr/bin:/bin")
    monkeypatch.setattr(
        terraform_executable, "MIRROR_PREFIXES", (str(make_mirror(tmp_path / "opt")),)
    )

    write_wrapper(tools_folder)

    assert f"config={tools_folder / 'terraform.tfrc'}" in run_wrapper(tools_folder)
    assert str(tmp_path / "opt") in (tools_folder / "terraform.tfrc").read_text()


def test_a_cli_configuration_that_does_not_exist_is_dropped_quietly(
    tmp_path: Path,
    tools_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", f"{make_terraform(tmp_path / 'path').parent}:/usr/bin:/bin")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "missing"))

    write_wrapper(tools_folder)

    assert run_wrapper(tools_folder).startswith("config=unset ")
    assert capfd.readouterr() == ("", "")


def test_without_a_mirror_providers_are_downloaded_once(
    tmp_path: Path, tools_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{make_terraform(tmp_path / 'path').parent}:/usr/bin:/bin")

    write_wrapper(tools_folder)

    assert f"cache={tools_folder / 'terraform-plugins'}" in run_wrapper(tools_folder)


def test_opentofu_serves_where_there_is_no_recent_terraform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_terraform(tmp_path / "path", version="1.5.7")
    tofu = make_terraform(tmp_path / "path", name="tofu", version="1.9.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")

    assert find_terraform(os.environ, Path("wrapper")) == (str(tofu), "1.9.0")


def test_no_terraform_is_an_error_that_says_where_to_get_it_and_what_was_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make_terraform(tmp_path / "path", version="1.5.7")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")

    with pytest.raises(TerraformNotFoundError) as caught:
        find_terraform(os.environ, Path("wrapper"))
    assert f"{old} is 1.5.7" in str(caught.value)
    assert "developer.hashicorp.com/terraform/install" in str(caught.value)


def test_an_executable_that_is_named_must_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_terraform(tmp_path / "path")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    named = make_terraform(tmp_path / "named", name="tofu", version="1.10.0")

    assert find_terraform({"TERRAFORM": str(named)}, Path("wrapper")) == (str(named), "1.10.0")
    with pytest.raises(TerraformNotFoundError, match="TERRAFORM=/none is no Terraform"):
        find_terraform({"TERRAFORM": "/none"}, Path("wrapper"))


def test_the_wrapper_does_not_call_itself(
    tmp_path: Path, tools_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = make_terraform(tmp_path / "path")
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    write_wrapper(tools_folder)
    monkeypatch.setenv("PATH", f"{tools_folder / 'bin'}:{program.parent}:/usr/bin:/bin")

    with pytest.raises(TerraformNotFoundError, match="no Terraform"):
        find_terraform(os.environ, tools_folder / "bin" / "terraform")
