"""Set-up: which Terraform and which providers a checkout uses."""

import platform
import stat
import subprocess
from pathlib import Path

import pytest

from tools import setup

HOST = "registry.terraform.io"


@pytest.fixture(autouse=True)
def tools_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep this checkout's own wrapper out of the tests, and the tests out of it."""
    monkeypatch.setattr(setup, "TOOLS", tmp_path / ".tools")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    for name in ("TERRAFORM", "TF_PLUGIN_MIRROR", "TF_CLI_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(setup, "MIRROR_PREFIXES", ())
    return tmp_path / ".tools"


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

    assert setup.find_mirror({}, [str(tmp_path / "opt")], HOST) == mirror


def test_a_packed_mirror_counts_as_well(tmp_path: Path) -> None:
    provider = tmp_path / "opt" / HOST / "hashicorp" / "aws"
    provider.mkdir(parents=True)
    (provider / "terraform-provider-aws_5.100.0_linux_amd64.zip").touch()

    assert setup.find_mirror({}, [str(tmp_path / "opt")], HOST) == tmp_path / "opt"


def test_a_mirror_for_another_platform_or_registry_is_not_taken(tmp_path: Path) -> None:
    make_mirror(tmp_path / "opt" / "plugins", target="darwin_arm64")

    assert setup.find_mirror({}, [str(tmp_path / "opt")], HOST) is None
    make_mirror(tmp_path / "opt" / "plugins")
    assert setup.find_mirror({}, [str(tmp_path / "opt")], "registry.opentofu.org") is None


def test_the_variable_comes_before_the_prefixes(tmp_path: Path) -> None:
    make_mirror(tmp_path / "opt")
    mine = make_mirror(tmp_path / "mine")

    found = setup.find_mirror({"TF_PLUGIN_MIRROR": str(mine)}, [str(tmp_path / "opt")], HOST)
    assert found == mine


def test_a_variable_that_names_no_mirror_is_an_error_and_not_passed_over(tmp_path: Path) -> None:
    make_mirror(tmp_path / "opt")

    with pytest.raises(setup.SetupError, match="TF_PLUGIN_MIRROR=/nowhere has no registry"):
        setup.find_mirror({"TF_PLUGIN_MIRROR": "/nowhere"}, [str(tmp_path / "opt")], HOST)


def test_the_users_own_cli_configuration_is_left_in_charge(tmp_path: Path) -> None:
    make_mirror(tmp_path / "opt")
    configuration = tmp_path / "terraform.rc"
    configuration.touch()

    environment = {"TF_CLI_CONFIG_FILE": str(configuration)}
    assert setup.find_mirror(environment, [str(tmp_path / "opt")], HOST) is None


def test_the_wrapper_points_terraform_at_the_mirror(
    tmp_path: Path, tools_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{make_terraform(tmp_path / 'path').parent}:/usr/bin:/bin")
    monkeypatch.setattr(setup, "MIRROR_PREFIXES", (str(make_mirror(tmp_path / "opt")),))

    setup.set_up_terraform()

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

    setup.set_up_terraform()

    assert run_wrapper(tools_folder).startswith("config=unset ")
    assert capfd.readouterr() == ("", "")


def test_without_a_mirror_providers_are_downloaded_once(
    tmp_path: Path, tools_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{make_terraform(tmp_path / 'path').parent}:/usr/bin:/bin")

    setup.set_up_terraform()

    assert f"cache={tools_folder / 'terraform-plugins'}" in run_wrapper(tools_folder)


def test_opentofu_serves_where_there_is_no_recent_terraform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_terraform(tmp_path / "path", version="1.5.7")
    tofu = make_terraform(tmp_path / "path", name="tofu", version="1.9.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")

    assert setup.find_terraform() == (str(tofu), "1.9.0")


def test_no_terraform_is_an_error_that_says_where_to_get_it_and_what_was_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make_terraform(tmp_path / "path", version="1.5.7")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")

    with pytest.raises(setup.SetupError) as caught:
        setup.find_terraform()
    assert f"{old} is 1.5.7" in str(caught.value)
    assert "developer.hashicorp.com/terraform/install" in str(caught.value)


def make_python(folder: Path, answer: str, code: int = 0) -> Path:
    """Make a program that answers the question which Python it is."""
    folder.mkdir(parents=True)
    program = folder / ("python3.13" if folder.name == "shims" else "python")
    program.write_text(f"#!/bin/sh\necho '{answer}'\nexit {code}\n")
    program.chmod(0o755)
    return program


def test_a_pyenv_python_is_found_behind_a_shim_that_is_not_activated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = make_python(tmp_path / "shims", "pyenv: python3.13: command not found", code=127)
    installed = make_python(tmp_path / "pyenv" / "versions" / "3.13.0" / "bin", "cpython 3.13")
    monkeypatch.setenv("PATH", f"{shim.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))

    assert setup.find_python() == str(installed)


def test_the_operators_tool_is_installed_for_any_folder(tmp_path: Path) -> None:
    scripts, packages = tmp_path / "my scripts", tmp_path / "packages"
    scripts.mkdir()
    (scripts / "python").write_text('#!/bin/sh\necho "python $*"\n')
    (scripts / "python").chmod(0o755)

    setup.install_checkout(packages, scripts)

    done = subprocess.run([scripts / "pipeline", "status"], check=True, capture_output=True)
    assert done.stdout == b"python -m operations status\n"
    paths = (packages / "checkout.pth").read_text().splitlines()
    assert paths == [str(setup.ROOT / name) for name in ("functions", "libraries", ".")]
