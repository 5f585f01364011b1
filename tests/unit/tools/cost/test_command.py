"""The command: what it is given, what it prints, and how it plans without AWS."""

import json
import urllib.request
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from event_pipelines.terraform import TerraformError
from tools.checkout import ROOT
from tools.cost import planning
from tools.cost.__main__ import ArgumentsError, main, size_in_bytes

PLANS = Path(__file__).with_name("plans")
LEDGER = str(PLANS / "ledger.json")


def run(*arguments: str, plan: str = LEDGER) -> int:
    return main(["--files", "1_000_000", "--size", "1MB", "--plan", plan, *arguments])


class TestReport:
    def test_the_table_has_prices_a_total_ways_and_what_is_supposed(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run() == 0

        printed = capsys.readouterr().out
        for expected in (
            "1,000,000 files a month",
            "transform: computing",
            "its files x 0.2 s x 512 MB",
            "0.0000133334 / GB-second",
            "total a month",
            "a million files",
            "Ways to lower it",
            "audit: batching_window_seconds = 60",
            "No free tier is taken off",
            "Unverified: sns_filtering.",
            "Not counted: data transfer",
        ):
            assert expected in printed

    def test_what_is_unknown_is_printed(self, capsys: pytest.CaptureFixture[str]) -> None:
        run(plan=str(PLANS / "plain.json"))

        assert "1 x aws_kinesis_stream" in " ".join(capsys.readouterr().out.split())

    def test_json_has_the_same_figures(self, capsys: pytest.CaptureFixture[str]) -> None:
        run("--json", "--free-tier")

        document = json.loads(capsys.readouterr().out)
        whole = sum(Decimal(line["usd"]) for line in document["lines"])
        assert Decimal(document["total_usd"]) == whole == Decimal(document["usd_per_million_files"])
        assert any(line["what"].startswith("free tier") for line in document["lines"])
        assert all(line["how"] and line["unit_price"] for line in document["lines"])

    def test_numbers_are_of_all_consumers_or_of_one(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("--json", "--duration", "1", "--duration", "audit=2", "--share", "audit=0.5")

        lines = {line["what"]: line for line in json.loads(capsys.readouterr().out)["lines"]}
        # 512 MB for a second each; 128 MB for two seconds for half of the files.
        assert Decimal(lines["transform: computing"]["quantity"]) == 500_000
        assert Decimal(lines["audit: computing"]["quantity"]) == 125_000


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--files", "0"], "--files '0' is no whole number of at least 1"),
            (["--files", "many"], "--files 'many' is no whole number"),
            (["--size", "large"], "'large' is no size"),
            (["--size", "0KB"], "'0KB' is no size"),
            (["--share", "0.3"], "write it like --share audit=0.3"),
            (["--share", "audit=2"], "audit 2 is more than all"),
            (["--failures", "1.5"], "--failures 1.5 is more than all"),
            (["--duration", "audit=soon"], "--duration 'soon' is no number"),
            (["--duration", "nobody=0.5"], "no consumer 'nobody' of files; it has audit, tr"),
            (["--duration", "31"], "its timeout is 30 s"),
            (["--var-file", "x"], "one of --plan and --var-file"),
        ],
    )  # fmt: skip
    def test_wrong_ones_are_explained(
        self, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
    ) -> None:
        assert run(*arguments) == 2
        assert says in capsys.readouterr().err

    def test_files_and_size_are_needed(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="2"):
            main(["--files", "1"])
        assert "--size" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("content", "says"), [("{}", "terraform show -json"), ("not JSON", "plan.json is no JSON")]
    )
    def test_a_file_that_is_no_plan_is_said_to_be_none(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, says: str
    ) -> None:
        file = tmp_path / "plan.json"
        file.write_text(content)

        assert run(plan=str(file)) == 2
        assert says in capsys.readouterr().err

    def test_a_file_that_is_not_there_is_named(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--files", "1", "--size", "1", "--var-file", "nowhere.tfvars"]) == 2
        assert "nowhere.tfvars" in capsys.readouterr().err

    def test_what_terraform_refuses_is_passed_on(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse(*_: object) -> None:
            raise TerraformError("route must be topic, eventbridge, queue or function.")

        monkeypatch.setattr(planning, "plan", refuse)

        assert main(["--files", "1", "--size", "1"]) == 1
        assert "route must be" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("text", "size"),
        [("800", 800), ("50KB", 51_200), ("1.5 MiB", 1_572_864), ("2gb", 2 * 1024**3)],
    )
    def test_sizes_are_read_in_every_spelling(self, text: str, size: int) -> None:
        assert size_in_bytes(text) == size

    @pytest.mark.parametrize("text", ["", "KB", "-1KB", "1 PB", "1e3"])
    def test_no_size_is_refused(self, text: str) -> None:
        with pytest.raises(ArgumentsError, match="50KB"):
            size_in_bytes(text)


class Recorder:
    """Stands in for Terraform, and looks at what it is given."""

    def __init__(
        self, configuration: Path, _work: Path, environment: Mapping[str, str], _variables: object
    ) -> None:
        self.configuration, self.environment = configuration, environment

    def init(self) -> None:
        pass

    def plan(self, argument: str) -> dict[str, Any]:
        endpoint = self.environment["AWS_ENDPOINT_URL"]
        asked = urllib.request.Request(endpoint, data=b"Action=GetCallerIdentity")  # noqa: S310
        bucket = urllib.request.Request(f"{endpoint}/some-bucket", method="HEAD")  # noqa: S310
        with urllib.request.urlopen(asked) as told, urllib.request.urlopen(bucket) as there:  # noqa: S310
            return {
                "argument": argument,
                "files": {
                    file.relative_to(self.configuration).as_posix()
                    for file in self.configuration.rglob("*.*")
                    if file.is_file()
                },
                "account": b"<Account>123456789012</Account>" in told.read(),
                "bucket": there.headers["x-amz-bucket-region"],
            }


class TestPlanning:
    @pytest.mark.parametrize(
        "text",
        [
            '{"consumers": {"a": {"package": "build/mine.zip"}}}',
            'consumers = { a = { package = "build/mine.zip" } }',
        ],
    )
    def test_the_root_is_planned_in_a_copy_with_packages_stood_in_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        monkeypatch.setattr(planning, "Terraform", Recorder)
        file = tmp_path / "my.tfvars"
        file.write_text(text)

        plan = planning.plan(file, "us-east-1")

        assert plan["argument"] == f"-var-file={file}"
        assert {"main.tf", "build/mine.zip", "modules/bucket/main.tf"} <= plan["files"]
        assert not (ROOT / "build" / "mine.zip").exists()

    def test_what_the_provider_asks_is_answered_here(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(planning, "Terraform", Recorder)
        file = tmp_path / "my.tfvars"
        # Neither is a file of the copy.
        file.write_text('package = "../outside.zip"\npackage = "s3://b/k.zip"\n')

        plan = planning.plan(file, "us-east-1")

        assert (plan["account"], plan["bucket"]) == (True, "us-east-1")
        assert not [name for name in plan["files"] if name.endswith(".zip")]
