"""Mistakes at the root module that one of its modules refuses, and the nearest thing it accepts.

``terraform test`` can expect a failure of the configuration under test only, not of a module in it.
So mistakes are planned, and the errors are read. A plan of the root takes seconds of CPU time:
mistakes of a consumer that are refused at the same step of a plan share one, and so does all that
is accepted of a consumer, with a consumer for each.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_PIPELINE = """
variables {{
  name   = "orders"
  bucket = {{ name = "example-orders" }}
  route  = "{route}"
  {pipeline}
  consumers = {{
{consumers}
  }}
}}
"""
_CONSUMER = """
    {name} = {{
      {attributes}
    }}
"""
_PACKAGE = 'package = "tests/terraform/packages/load_orders.zip"'
_ACCEPTED = "accepted_consumers.tftest.hcl"
_MOCK = 'mock_provider "aws" {\n  source = "./tests/terraform/mocks"\n}\n'
_PLAN = 'run "plans" {\n  command = plan\n}\n'
_FILE = re.compile(r"^(?P<file>\S+\.tftest\.hcl)\.\.\. in progress$", re.MULTILINE)


class Step(StrEnum):
    """What refuses a mistake. Terraform plans nothing that depends on what was refused."""

    ARGUMENTS = "arguments"
    FILTERS = "filters"
    QUEUES = "queues"
    ENVIRONMENTS = "environments"
    FUNCTION_ARGUMENTS = "function_arguments"
    FUNCTIONS = "functions"
    MAPPINGS = "mappings"

    @property
    def file(self) -> str:
        """The test that plans the mistakes of consumers that this step refuses."""
        return f"{self}_refused.tftest.hcl"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A mistake.

    Attributes
    ----------
    name
        What is refused; becomes a file's name.
    refused, accepted
        Attributes of the consumer in HCL: the mistake, and what is just right.
    says
        What the error has to tell, of a consumer that is called load.
    step
        What refuses it, if it is a consumer's.
    of_pipeline
        Whether they are attributes of the pipeline instead.
    route
        The pipeline's route.
    audits
        The filter of a second consumer, audit, if there is one.
    """

    name: str
    refused: str
    accepted: str
    says: str
    step: Step = Step.ARGUMENTS
    of_pipeline: bool = False
    route: str = "topic"
    audits: str | None = None

    @property
    def of_consumer(self) -> bool:
        """Whether a consumer has the attributes, whatever others there are."""
        return not self.of_pipeline and self.audits is None

    def files(self) -> dict[str, str]:
        """Write the tests of a mistake that isn't a consumer's, and of what is just right."""
        return {
            f"{self.name}_refused.tftest.hcl": self._test(self.refused),
            f"{self.name}_accepted.tftest.hcl": self._test(self.accepted),
        }

    def _test(self, attributes: str) -> str:
        of_pipeline, of_load = (attributes, "") if self.of_pipeline else ("", attributes)
        consumers = [_consumer("load", of_load)]
        if self.audits is not None:
            consumers.append(_consumer("audit", f"filter = {self.audits}"))
        return _test(consumers, route=self.route, pipeline=of_pipeline)


_OF_CONSUMERS = "load{}"


def files() -> dict[str, str]:
    """Write the tests of all mistakes, and of what is just right."""
    written: dict[str, str] = {}
    consumers: dict[str, list[str]] = {}
    for number, refusal in enumerate(REFUSALS):
        if refusal.of_consumer:
            for file, attributes in (
                (refusal.step.file, refusal.refused),
                (_ACCEPTED, refusal.accepted),
            ):
                consumer = _consumer(_OF_CONSUMERS.format(number), attributes)
                consumers.setdefault(file, []).append(consumer)
        else:
            written |= refusal.files()
    return written | {file: _test(together) for file, together in consumers.items()}


def faults(output: str) -> Iterator[str]:
    """Tell what is wrong with what ``terraform test`` printed of the files."""
    said = by_file(output)
    for number, refusal in enumerate(REFUSALS):
        file, says = f"{refusal.name}_refused.tftest.hcl", refusal.says
        if refusal.of_consumer:
            own = _OF_CONSUMERS.format(number)
            file, says = refusal.step.file, says.replace('"load"', f'"{own}"')
        else:
            yield from _not_planned(f"{refusal.name}_accepted.tftest.hcl", said)
        refused = " ".join(said.get(file, "").split())
        if refused.count(says) != 1:
            yield f"{refusal.name}: not one error says {says!r}:\n{refused}"
    yield from _not_planned(_ACCEPTED, said)


def _not_planned(file: str, outputs: dict[str, str]) -> list[str]:
    said = outputs.get(file, "")
    return [] if "... pass" in said and "Error:" not in said else [f"{file} should plan:\n{said}"]


def by_file(output: str) -> dict[str, str]:
    """Split what ``terraform test`` printed into what it said of each file."""
    starts = list(_FILE.finditer(output))
    ends = [start.start() for start in starts[1:]] + [len(output)]
    return {
        start["file"].rpartition("/")[2]: output[start.end() : end]
        for start, end in zip(starts, ends, strict=True)
    }


def _test(consumers: list[str], *, route: str = "topic", pipeline: str = "") -> str:
    """Write the test that plans a pipeline with these consumers."""
    variables = _PIPELINE.format(route=route, pipeline=pipeline, consumers="".join(consumers))
    return _MOCK + variables + _PLAN


def _consumer(name: str, attributes: str) -> str:
    """Write a consumer with these attributes, and with a package if they name none."""
    package = "" if re.search(r"\bpackage =", attributes) else _PACKAGE
    return _CONSUMER.format(name=name, attributes=f"{attributes}\n      {package}")


def _numbers(count: int) -> str:
    """Write so many texts of which none ends with another."""
    return ", ".join(f'"{n:03}"' for n in range(count))


REFUSALS = [
    Refusal(
        "package_that_is_a_directory",
        'package = "tests/terraform/packages"',
        'package = "tests/terraform/packages/load_orders.zip"',
        'consumers["load"].package is a directory, tests/terraform/packages',
        step=Step.FUNCTION_ARGUMENTS,
    ),
    Refusal(
        "package_that_does_not_exist",
        'package = "build/load_order.zip"',
        'package = "s3://example-packages/load_orders.zip"',
        'consumers["load"].package: there is no file build/load_order.zip',
        step=Step.FUNCTION_ARGUMENTS,
    ),
    Refusal(
        "package_of_the_breaker_that_is_no_zip",
        'ledger = {}\ncircuit_breaker = { package = "main.tf" }',
        'ledger = {}\ncircuit_breaker = { package = "s3://example-packages/breaker.zip" }',
        "circuit_breaker.package is no zip with a file in it: main.tf",
        of_pipeline=True,
    ),
    Refusal(
        "prefix_that_begins_with_a_slash",
        'filter = { prefixes = ["/incoming/"] }',
        'filter = { prefixes = ["incoming//"] }',
        'consumers["load"].filter.prefixes has a prefix that begins with a slash',
    ),
    Refusal(
        "visibility_timeout_shorter_than_lambda_needs",
        "timeout = 60\nvisibility_timeout_seconds = 359",
        "timeout = 60\nvisibility_timeout_seconds = 360",
        'or lower consumers["load"].timeout (60 s)',
        step=Step.MAPPINGS,
    ),
    Refusal(
        "large_batch_without_a_window",
        "batch_size = 11",
        "batch_size = 11\nbatching_window_seconds = 1",
        'set consumers["load"].batching_window_seconds to at least 1',
    ),
    Refusal(
        "concurrency_out_of_range",
        "max_concurrency = 1",
        "max_concurrency = 2",
        'consumers["load"].max_concurrency must be from 2 to 1000',
    ),
    Refusal(
        "concurrency_beyond_the_reserved",
        "max_concurrency = 6\nreserved_concurrency = 5",
        "max_concurrency = 5\nreserved_concurrency = 5",
        'raise consumers["load"].reserved_concurrency',
        step=Step.MAPPINGS,
    ),
    Refusal(
        "reserved_concurrency_of_none",
        "reserved_concurrency = 0",
        "enabled = false",
        'set consumers["load"].enabled = false',
        step=Step.MAPPINGS,
    ),
    Refusal(
        "dead_letter_queue_that_forgets_sooner",
        "message_retention_seconds = 86400\ndead_letter_retention_seconds = 86400",
        "message_retention_seconds = 86400\ndead_letter_retention_seconds = 86401",
        'Raise consumers["load"].dead_letter_retention_seconds (86400)',
        step=Step.QUEUES,
    ),
    Refusal(
        "message_that_expires_before_it_is_set_aside",
        "message_retention_seconds = 5400\nmax_receive_count = 5",
        "message_retention_seconds = 5401\nmax_receive_count = 5",
        'consumers["load"].max_receive_count (5) times',
        step=Step.QUEUES,
    ),
    Refusal(
        "message_that_expires_while_it_is_put_off",
        "message_retention_seconds = 212400\nmax_retry_delay_seconds = 42300",
        "message_retention_seconds = 212401\nmax_retry_delay_seconds = 42300",
        "plus max_retry_delay_seconds, 42300",
        step=Step.QUEUES,
    ),
    Refusal(
        "pollers_and_maximum_concurrency",
        "max_concurrency = 5\nprovisioned_pollers = { minimum = 2, maximum = 5 }",
        "provisioned_pollers = { minimum = 2, maximum = 5 }",
        'consumers["load"].provisioned_pollers exclude each other',
    ),
    Refusal(
        "event_that_s3_does_not_have",
        'filter = { events = ["s3:ObjectCreated:Upload"] }',
        'filter = { events = ["s3:ObjectCreated:Put"] }',
        "S3 has no such events: s3:ObjectCreated:Upload, in filter.events",
        of_pipeline=True,
    ),
    Refusal(
        "more_notifications_than_a_bucket_takes",
        f'filter = {{ prefixes = ["a/", "b/"], suffixes = [{_numbers(51)}] }}',
        f'filter = {{ prefixes = ["a/", "b/"], suffixes = [{_numbers(50)}] }}',
        "at most 100 notifications",
        of_pipeline=True,
    ),
    Refusal(
        "overlapping_prefixes_of_the_pipeline",
        'filter = { prefixes = ["incoming/", "incoming/eu/"] }',
        'filter = { prefixes = ["incoming/", "returned/"] }',
        'filter (prefix "incoming/", suffix "") and filter (prefix "incoming/eu/", suffix "")',
        of_pipeline=True,
    ),
    Refusal(
        "package_that_is_not_there",
        'package_version = "1"',
        "",
        'consumers["load"].package_version goes with a package in S3',
        step=Step.FUNCTIONS,
    ),
    Refusal(
        "alarm_that_does_not_exist",
        'alarms = { disabled = ["latency"] }',
        'alarms = { disabled = ["function_throttles"] }',
        'consumers["load"].alarms.disabled may contain',
    ),
    Refusal(
        "days_that_cloudwatch_does_not_keep_logs",
        "log_retention_days = 31",
        "log_retention_days = 30",
        'consumers["load"].log_retention_days must be one of',
        step=Step.FUNCTION_ARGUMENTS,
    ),
    Refusal(
        "variable_that_the_consumer_module_sets",
        'environment = { QUEUE_URL = "https://example.com" }',
        'environment = { QUEUES_URL = "https://example.com" }',
        'consumers["load"].environment must not set QUEUE_URL',
        step=Step.ENVIRONMENTS,
    ),
    Refusal(
        "variable_that_the_pipeline_sets",
        'environment = { OBJECT_FILTER = "{}" }',
        'environment = { FILTER = "{}" }',
        'consumers["load"].environment must not set OBJECT_FILTER',
        step=Step.ENVIRONMENTS,
    ),
    Refusal(
        "invocations_without_a_ledger",
        "max_invocations = 12",
        "max_receive_count = 12",
        'consumers["load"].max_invocations is for objects that take several invocations',
    ),
    Refusal(
        "statement_that_the_pipeline_writes",
        'policy_statements = { read_files = { actions = ["s3:GetObject"], resources = ["*"] } }',
        'policy_statements = { read_more = { actions = ["s3:GetObject"], resources = ["*"] } }',
        'consumers["load"].policy_statements must not have read_files',
        step=Step.FUNCTION_ARGUMENTS,
    ),
    Refusal(
        "output_without_a_prefix",
        'output = { bucket = "example-results", prefix = "" }',
        'output = { bucket = "example-results", prefix = "processed/" }',
        'consumers["load"].output.prefix must not be empty',
    ),
    Refusal(
        "ledger_that_forgets_at_once",
        "ledger = { days = 0 }",
        "ledger = { days = 1 }",
        "ledger.days must be a whole number of days, at least 1",
        of_pipeline=True,
    ),
    Refusal(
        "consumers_event_that_s3_does_not_have",
        'filter = { events = ["s3:ObjectCreated:Upload"] }',
        'filter = { events = ["s3:ObjectCreated:Post"] }',
        'S3 has no such events: s3:ObjectCreated:Upload, in consumers["load"].filter.events',
        step=Step.FILTERS,
    ),
    Refusal(
        "event_that_the_pipeline_keeps_out",
        'filter = { events = ["s3:ObjectRemoved:*"] }',
        'filter = { events = ["s3:ObjectCreated:*"] }',
        'can match consumers["load"].filter: event s3:ObjectRemoved:*',
        step=Step.FILTERS,
    ),
    Refusal(
        "filter_larger_than_sns_takes",
        f"filter = {{ prefixes = [{_numbers(38)}] }}",
        f"filter = {{ prefixes = [{_numbers(37)}] }}",
        'consumers["load"].filter is larger than an SNS filter policy may be',
        step=Step.FILTERS,
    ),
    Refusal(
        "empty_prefix",
        'filter = { prefixes = [""] }',
        'filter = { prefixes = ["incoming/"] }',
        "An empty string in filter.prefixes or filter.suffixes",
        of_pipeline=True,
    ),
    Refusal(
        "empty_suffix_of_a_consumer",
        'filter = { suffixes = [""] }',
        'filter = { suffixes = [".json"] }',
        'An empty string in consumers["load"].filter.prefixes',
    ),
    Refusal(
        "sizes_that_no_file_can_have",
        "filter = { min_bytes = 2, max_bytes = 1 }",
        "filter = { min_bytes = 1, max_bytes = 1 }",
        'consumers["load"].filter.min_bytes is more than',
    ),
    Refusal(
        "queues_that_want_the_same_files",
        'filter = { prefixes = ["eu/"] }',
        'filter = { suffixes = [".csv"] }',
        'S3 rejects: consumers["audit"].filter (prefix "", suffix ".json") and consumers["load"]',
        route="queue",
        audits='{ suffixes = [".json"] }',
    ),
    Refusal(
        "functions_that_want_the_same_events",
        'filter = { events = ["s3:ObjectCreated:*"] }',
        'filter = { events = ["s3:ObjectCreated:Put"] }',
        'route = "topic" or "eventbridge"',
        route="function",
        audits='{ events = ["s3:ObjectCreated:Copy"] }',
    ),
]
