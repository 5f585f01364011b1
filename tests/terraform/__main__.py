"""Run the Terraform tests: ``python -m tests.terraform [words of a test's name ...]``.

Formatting, ``validate`` of the root and of every module by itself, the ``*.tftest.hcl`` files in
this folder, a plan of every HCL block in the READMEs, and the picture of the dashboard that a
README shows, on a mocked provider: no credentials, no network. What Terraform writes goes to a
folder that is removed, not into the source tree.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import ChainMap
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.terraform import late_metrics
from tests.terraform.refusals import REFUSALS, accepted_consumers, by_file, faults_together
from tools import planned_dashboard, readme_examples
from tools.mocked_terraform import TESTS, Workspace, copy_configurations
from tools.planned_dashboard import PICTURE
from tools.readme_examples import Example, examples_in
from tools.running_provider import running_provider
from tools.terraform import BINARY, ROOT

WORKERS = 2
_SUMMARY = re.compile(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?")
_RUNS = re.compile(r'^run "', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one job: how many of its tests passed and failed, and what Terraform said."""

    passed: int
    failed: int
    output: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A test, or a file of them, that can run beside others."""

    name: str
    run: Callable[[], Result]


@dataclass(frozen=True, slots=True)
class TestWorkspace(Workspace):
    """A copy of the configurations under test."""

    def test_file(self, file: Path) -> Result:
        """Run a file of the root configuration's tests."""
        return self._test(self.folder, file, f"-test-directory={file.parent.as_posix()}")

    def test_examples(self, examples: list[Example]) -> Result:
        """Plan the READMEs' examples, as their readers would write them.

        Each asks for the provider, as its reader's configuration does: a mocked provider takes the
        place of one that is asked for.
        """
        configuration = self.folder / "examples"
        status, output = readme_examples.write(self, configuration, examples)
        if status:
            return Result(0, len(examples), output)
        return self._test(configuration, Path(readme_examples.TEST_FILE))

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
        files = [refusal.files() for refusal in REFUSALS]
        for name, text in ChainMap(accepted_consumers(), *files).items():
            (self.folder / folder / name).write_text(text, encoding="utf-8")
        arguments = ("test", "-no-color", f"-test-directory={folder.as_posix()}")
        _, output = self.terraform(self.folder, *arguments)
        said = by_file(output)
        faults = [fault for refusal in REFUSALS for fault in refusal.faults(said)]
        faults += faults_together(said)
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

    def _test(self, configuration: Path, file: Path, *arguments: str) -> Result:
        wanted = len(_RUNS.findall((configuration / file).read_text(encoding="utf-8")))
        status, output = self.terraform(
            configuration, "test", "-no-color", f"-filter={file.as_posix()}", *arguments
        )
        summary = _SUMMARY.search(output)
        passed = int(summary.group(1)) if summary else 0
        failed = wanted - passed
        return Result(passed, max(failed, 1 if status else 0), output)


def check_format() -> Result:
    """Check that ``terraform fmt`` would change nothing."""
    done = subprocess.run(
        [str(BINARY), f"-chdir={ROOT}", "fmt", "-check", "-diff", "-recursive"],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Result(0, 1, done.stdout) if done.returncode else Result(1, 0)


def find_untested(modules: Sequence[Path]) -> Result:
    """Check that each module is the configuration of a run by itself, which validates it too.

    https://developer.hashicorp.com/terraform/cli/commands/test
    """
    text = "".join(file.read_text(encoding="utf-8") for file in TESTS.glob("*.tftest.hcl"))
    untested = [module for module in modules if f'"./modules/{module.name}"' not in text]
    names = ", ".join(module.name for module in untested)
    return Result(len(modules) - len(untested), len(untested), f"no run has these modules: {names}")


def jobs_in(workspace: TestWorkspace) -> list[Job]:
    """List everything there is to test, what takes longest first."""
    tests = TESTS.relative_to(ROOT)
    modules = sorted((workspace.folder / "modules").iterdir())
    files = sorted(TESTS.glob("*.tftest.hcl"), key=lambda file: -file.stat().st_size)
    examples = examples_in(ROOT / "README.md", "root")
    examples += examples_in(ROOT / "docs" / "first-apply.md", "first-apply")
    for module in modules:
        examples += examples_in(ROOT / "modules" / module.name / "README.md", module.name)
    return [
        *(Job(file.name, partial(workspace.test_file, tests / file.name)) for file in files),
        Job("refusals at the root", workspace.test_refusals),
        Job("alarms on late metrics", workspace.test_late_metrics),
        Job("README examples", partial(workspace.test_examples, examples)),
        Job("dashboard picture", workspace.test_picture),
        Job("every module has tests", partial(find_untested, modules)),
        Job("formatted", check_format),
    ]


def run(jobs: Sequence[Job]) -> tuple[int, int]:
    """Run the jobs side by side, show each as it ends, and count the tests."""
    passed = failed = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        started = time.monotonic()
        futures = {pool.submit(job.run): job for job in jobs}
        for number, future in enumerate(as_completed(futures), 1):
            result = future.result()
            passed += result.passed
            failed += result.failed
            seconds = time.monotonic() - started
            count = f"{result.passed} passed" + (
                f", {result.failed} failed" if result.failed else ""
            )
            name = futures[future].name
            print(f"  {number:2}/{len(jobs)}  {seconds:4.0f} s  {name}: {count}", flush=True)
            if result.failed:
                print(result.output, flush=True)
    return passed, failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all jobs, or those whose names contain one of the words."""
    parser = argparse.ArgumentParser(prog="tests.terraform", description="Run Terraform's tests.")
    parser.add_argument("words", nargs="*", help="words of the tests' names (default: all tests)")
    options = parser.parse_args(arguments)
    words: list[str] = options.words
    with tempfile.TemporaryDirectory(prefix="terraform-tests-") as folder:
        workspace = copy_configurations(Path(folder).resolve())
        tests = f"-test-directory={TESTS.relative_to(ROOT).as_posix()}"
        status, output = workspace.init(workspace.folder, tests)
        if status:
            print(output)
            return 1
        with running_provider(workspace.folder / ".terraform") as provider:
            jobs = [
                job
                for job in jobs_in(TestWorkspace(workspace.folder, provider))
                if not words or any(word in job.name for word in words)
            ]
            if not jobs:
                print(f"no test is called {' or '.join(words)}", file=sys.stderr)
                return 2
            print(f"terraform: {len(jobs)} files and configurations", flush=True)
            passed, failed = run(jobs)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
