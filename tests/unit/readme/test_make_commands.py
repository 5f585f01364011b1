"""Every `make` command in a README names a target and variables that there are."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = sorted(file.parent.name for file in ROOT.glob("examples/*/main.tf"))
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
# The targets of the repository that `pipeline new` makes.
NEW = "pipeline new "
TEMPLATE = ROOT / "src" / "event_pipelines" / "development" / "template" / "Makefile.template"
NEW_TARGETS = set(re.findall(r"^([a-z-]+):", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE))
# As the comment at its beginning tells them.
VARIABLES = set(re.findall(r"\b([A-Z][A-Z_]+)=", MAKEFILE.partition("\nSHELL")[0]))
_COMMAND = re.compile(r"`((?:[A-Z_]+=\S+ )*make [^`]+)`")
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINE = re.compile(r"^(?:[A-Z_]+=\S+ )*make .*", re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    """Return each command with the README it is in, from blocks and from the running text."""
    found = []
    for file in sorted([*ROOT.glob("*.md"), *ROOT.glob("[!.]*/**/README.md")]):
        name, text = str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")
        found += [
            (f"{name}: {NEW}" if NEW in block else name, line)
            for block in _BLOCK.findall(text)
            for line in _LINE.findall(block)
        ]
        found += [(name, command) for command in _COMMAND.findall(_BLOCK.sub("", text))]
    return found


def words_of(command: str) -> tuple[list[str], dict[str, str]]:
    """Split a command into its targets and its variables."""
    words = shlex.split(command, comments=True)
    variables = dict(word.split("=", 1) for word in words if "=" in word)
    return [word for word in words if "=" not in word and word != "make"], variables


@pytest.mark.parametrize(("readme", "command"), commands())
def test_a_command_is_one_that_the_makefile_knows(readme: str, command: str) -> None:
    targets, variables = words_of(command)

    assert targets
    assert set(targets) <= (NEW_TARGETS if NEW in readme else TARGETS)
    assert set(variables) <= VARIABLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_examples_readme_shows_how_to_run_this_example(name: str) -> None:
    shown = [
        words_of(command)
        for readme, command in commands()
        if readme == f"examples/{name}/README.md" and "make example" in command
    ]

    assert shown
    for targets, variables in shown:
        assert targets == ["example"]
        assert variables["NAME"] == name


def test_the_readme_lists_every_example() -> None:
    listed = re.findall(
        r"^\| \[`[\w-]+`\]\(examples/([\w-]+)/README\.md\) \|", README, re.MULTILINE
    )

    assert sorted(listed) == EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_make_example_sets_every_variable_without_a_default_and_no_other(name: str) -> None:
    told = make("example", f"NAME={name}").stdout
    text = (ROOT / "examples" / name / "variables.tf").read_text(encoding="utf-8")
    blocks = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.DOTALL | re.MULTILINE)
    required = {
        variable for variable, block in blocks if not re.search(r"^  default ", block, re.MULTILINE)
    }

    own = f"examples/{name}/samples"
    samples = own if (ROOT / own).is_dir() else "examples/samples"
    assert f"--chdir examples/{name} try {samples} " in told
    # `pipeline try` sets the folder of the packages.
    variables = {"packages", *re.findall(r"--var (\w+)=", told)}
    assert required <= variables <= {variable for variable, _ in blocks}


def test_an_unknown_example_is_answered_with_those_that_there_are() -> None:
    done = make("example", "NAME=fan-in", run=True)

    assert done.returncode == 2
    assert "set NAME to one of: buffered eventbridge fan-out" in done.stderr


def make(*arguments: str, run: bool = False) -> subprocess.CompletedProcess[str]:
    """Run make without its prerequisites, or only print what it would run."""
    recipe = ["--old-file=localstack", "--old-file=terraform", "--old-file=environment"]
    return subprocess.run(
        ["make", *(recipe if run else ["--dry-run"]), *arguments],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_every_page_names_the_version_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pages = [*ROOT.glob("*.md"), *ROOT.glob("modules/*/README.md"), *ROOT.glob("docs/*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)

    assert set(re.findall(r"(?:\?ref=|\.git@)v([\d.]+)", text)) == {project["version"]}
