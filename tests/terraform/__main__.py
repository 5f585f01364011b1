"""Run the Terraform tests: ``python -m tests.terraform [words of a test's name ...]``.

Formatting, the ``*.tftest.hcl`` files in this folder, which also validate the root and every module
by itself, a plan of every HCL block in the READMEs, and the picture of the dashboard that a
README shows, on a mocked provider: no credentials, no network. What Terraform writes goes to a
folder that is removed, not into the source tree.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.terraform import late_metrics, refusals
from tests.terraform.refusals import REFUSALS
from tools import planned_dashboard, readme_examples
from tools.checkout import ROOT, TERRAFORM
from tools.mocked_terraform import TESTS, Workspace, copy_configurations
from tools.planned_dashboard import PICTURE
from tools.readme_examples import Example, examples_in
from tools.running_provider import ProviderError, running_provider
from tools.terraform_lines import COLUMNS, too_long_in

_RUNS = re.compile(r'^run "', re.MULTILINE)
_RUN_PASSED = re.compile(r'^ +run "[^"]+"\.\.\. pass$', re.MULTILINE)
_FILE_ENDED = re.compile(r"^(?P<file>\S+\.tftest\.hcl)\.\.\. (pass|fail)$")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one job: how many of its tests passed and failed, and what Terraform said."""

    passed: int
    failed: int
    output: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A test that can run beside others."""

    name: str
    run: Callable[[], Result]


@dataclass(frozen=True, slots=True)
class TestWorkspace(Workspace):
    """A copy of the configurations under test."""

    def test_files(self, files: Sequence[Path]) -> Iterator[tuple[str, Result]]:
        """Run files of the root configuration's tests, and give each one's result as it ends.

        One after the other: most that a file costs Terraform by itself is to read the provider's
        schemas.
        """
        filters = (f"-filter={file.as_posix()}" for file in files)
        folder = f"-test-directory={TESTS.relative_to(ROOT).as_posix()}"
        left = {file.as_posix(): file for file in files}
        said: list[str] = []
        with self.running(self.folder, "test", "-no-color", folder, *filters) as process:
            for line in process.stdout or ():
                said.append(line)
                if (ended := _FILE_ENDED.match(line)) and (file := left.pop(ended["file"], None)):
                    yield file.name, self._result(self.folder / file, "".join(said))
                    said.clear()
        for file in left.values():
            yield file.name, self._result(self.folder / file, "".join(said))

    def test_examples(self, examples: list[Example]) -> Result:
        """Plan the READMEs' examples, as their readers would write them.

        Each asks for the provider, as its reader's configuration does: a mocked provider takes the
        place of one that is asked for.
        """
        configuration = self.folder / "examples"
        status, output = readme_examples.write(self, configuration, examples)
        if status:
            return Result(0, len(examples), output)
        file = readme_examples.TEST_FILE
        _, output = self.terraform(configuration, "test", "-no-color", f"-filter={file}")
        return self._result(configuration / file, output)

    def test_picture(self) -> Result:
        """Draw the dashboard that an example plans, and compare it with the picture."""
        try:
            drawn = planned_dashboard.draw(self)
        except planned_dashboard.PlanError as error:
            return Result(0, 1, str(error))
        picture = ROOT / PICTURE
        if not picture.is_file() or picture.read_text("utf-8") != drawn:
            return Result(0, 1, f"{PICTURE} shows another dashboard. Run: make docs")
        return Result(1, 0)

    def test_refusals(self) -> Result:
        """Plan the mistakes that a module refuses, and what is just right, at the root."""
        folder = TESTS.relative_to(ROOT) / "refusals"
        (self.folder / folder).mkdir()
        for name, text in refusals.files().items():
            (self.folder / folder / name).write_text(text, encoding="utf-8")
        arguments = ("test", "-no-color", f"-test-directory={folder.as_posix()}")
        _, output = self.terraform(self.folder, *arguments)
        faults = list(refusals.faults(output))
        return Result(2 * len(REFUSALS) - len(faults), len(faults), "\n".join(faults))

    def test_late_metrics(self) -> Result:
        """Plan a pipeline, and evaluate its alarms on metrics that come late."""
        folder = TESTS.relative_to(ROOT) / "late_metrics"
        (self.folder / folder).mkdir()
        (self.folder / folder / "pipeline.tftest.hcl").write_text(
            late_metrics.configuration(), encoding="utf-8"
        )
        arguments = ("test", "-json", "-verbose", f"-test-directory={folder.as_posix()}")
        status, output = self.terraform(self.folder, *arguments)
        if status:
            return Result(0, 1, output)
        alarms, scenarios = late_metrics.alarms_in(output), late_metrics.scenarios()
        faults = [fault for scenario in scenarios for fault in scenario.faults(alarms)]
        return Result(max(0, len(scenarios) - len(faults)), len(faults), "\n".join(faults))

    @staticmethod
    def _result(file: Path, output: str) -> Result:
        """Hold what Terraform said of a file against the runs that the file has."""
        wanted = len(_RUNS.findall(file.read_text(encoding="utf-8")))
        passed = len(_RUN_PASSED.findall(output))
        return Result(passed, wanted - passed, output)


def check_format() -> Result:
    """Check that ``terraform fmt`` would change nothing, and that lines are not too long."""
    done = subprocess.run(
        [str(TERRAFORM), f"-chdir={ROOT}", "fmt", "-check", "-diff", "-recursive"],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        return Result(0, 1, done.stdout)
    long = too_long_in(ROOT)
    return Result(0, 1, f"More than {COLUMNS} columns: {', '.join(long)}") if long else Result(1, 0)


def find_untested(modules: Sequence[Path]) -> Result:
    """Check that each module is the configuration of a run by itself, which validates it too.

    https://developer.hashicorp.com/terraform/cli/commands/test
    """
    text = "".join(file.read_text(encoding="utf-8") for file in TESTS.glob("*.tftest.hcl"))
    untested = [module for module in modules if f'"./modules/{module.name}"' not in text]
    names = ", ".join(module.name for module in untested)
    return Result(len(modules) - len(untested), len(untested), f"no run has these modules: {names}")


def jobs_in(workspace: TestWorkspace) -> list[Job]:
    """List what there is to test beside the files, what takes longest first."""
    modules = sorted((workspace.folder / "modules").iterdir())
    examples = examples_in(ROOT / "README.md", "root")
    for page in ("changes", "encryption", "first-apply"):
        examples += examples_in(ROOT / "docs" / f"{page}.md", page)
    for module in modules:
        examples += examples_in(ROOT / "modules" / module.name / "README.md", module.name)
    return [
        Job("refusals at the root", workspace.test_refusals),
        Job("alarms on late metrics", workspace.test_late_metrics),
        Job("README examples", partial(workspace.test_examples, examples)),
        Job("dashboard picture", workspace.test_picture),
        Job("every module has tests", partial(find_untested, modules)),
        Job("formatted", check_format),
    ]


class Progress:
    """Shows each result as it comes, and counts the tests; a second result replaces the first."""

    def __init__(self) -> None:
        self.total = 0
        self._results: dict[str, Result] = {}
        self._ended = 0
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def show(self, name: str, result: Result) -> None:
        """Print a line, and what Terraform said where a test failed."""
        with self._lock:
            self._ended += 1
            self._results[name] = result
            seconds = time.monotonic() - self._started
            count = f"{result.passed} passed" + (
                f", {result.failed} failed" if result.failed else ""
            )
            print(f"  {self._ended:2}/{self.total}  {seconds:4.0f} s  {name}: {count}", flush=True)
            if result.failed:
                print(result.output, flush=True)

    @property
    def passed(self) -> int:
        """The tests that passed."""
        return sum(result.passed for result in self._results.values())

    @property
    def failed(self) -> int:
        """The tests that failed."""
        return sum(result.failed for result in self._results.values())

    @property
    def failures(self) -> list[str]:
        """The names of the files and jobs with tests that failed."""
        return [name for name, result in self._results.items() if result.failed]


def run(
    workspace: TestWorkspace, files: Sequence[Path], jobs: Sequence[Job], progress: Progress
) -> None:
    """Run the files, and the jobs beside them."""

    def run_files() -> None:
        for name, result in workspace.test_files(files):
            progress.show(name, result)

    def run_jobs() -> None:
        for job in jobs:
            progress.show(job.name, job.run())

    with ThreadPoolExecutor() as pool:
        for future in [pool.submit(run_jobs), *([pool.submit(run_files)] if files else [])]:
            future.result()


def run_wanted(is_wanted: Callable[[str], bool], progress: Progress) -> bool:
    """Run the tests with wanted names in a new copy; return whether there are any.

    Raises
    ------
    ProviderError
        The provider didn't start, or crashed, which fails the tests that follow.
    """
    with tempfile.TemporaryDirectory(prefix="terraform-tests-") as folder:
        workspace = copy_configurations(Path(folder).resolve())
        tests = f"-test-directory={TESTS.relative_to(ROOT).as_posix()}"
        status, output = workspace.init(workspace.folder, tests)
        if status:
            progress.show("terraform init", Result(0, 1, output))
            return True
        with running_provider(workspace.folder / ".terraform") as provider:
            tested = TestWorkspace(workspace.folder, provider)
            files = [
                file.relative_to(ROOT)
                for file in sorted(TESTS.glob("*.tftest.hcl"))
                if is_wanted(file.name)
            ]
            jobs = [job for job in jobs_in(tested) if is_wanted(job.name)]
            progress.total += len(files) + len(jobs)
            print(f"terraform: {len(files)} files, {len(jobs)} other tests", flush=True)
            run(tested, files, jobs, progress)
    return bool(files or jobs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all jobs, or those whose names contain one of the words."""
    parser = argparse.ArgumentParser(prog="tests.terraform", description="Run Terraform's tests.")
    parser.add_argument("words", nargs="*", help="words of the tests' names (default: all tests)")
    options = parser.parse_args(arguments)
    words: list[str] = options.words

    def is_wanted(name: str) -> bool:
        return not words or any(word in name for word in words)

    progress = Progress()
    try:
        found = run_wanted(is_wanted, progress)
    except ProviderError as crash:
        # Seen once in some hundred runs in which two commands share one provider process.
        print(f"{crash}\nterraform: run again what failed, with a new provider", flush=True)
        found = run_wanted(progress.failures.__contains__, progress)
    if not found:
        print(f"no test is called {' or '.join(words)}", file=sys.stderr)
        return 2
    print(f"{progress.passed} passed, {progress.failed} failed")
    return 1 if progress.failed else 0


if __name__ == "__main__":
    sys.exit(main())
