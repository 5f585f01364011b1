"""What Lambda's lines and metrics say of invocations that failed, in both formats."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from event_pipelines.operations import invocations
from event_pipelines.operations.invocations import (
    FailedInvocation,
    Invocations,
    Kind,
    failed_invocations,
)
from event_pipelines.operations.logs import Event
from event_pipelines.operations.metrics import Point
from event_pipelines.operations.queues import Queue
from tests.unit.operations.lambda_lines import (
    IMPORT_ERROR,
    IMPORT_FAILED,
    OTHER,
    REQUEST,
    platform,
    report,
    text_report,
)
from tests.unit.operations.world import World

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def read(*messages: str, stream: str = "one") -> list[FailedInvocation]:
    return failed_invocations(
        Event(at(number / 10), stream, message) for number, message in enumerate(messages)
    )


@pytest.mark.parametrize(
    ("messages", "kind", "error"),
    [
        pytest.param(
            [
                IMPORT_ERROR,
                platform("initRuntimeDone", "error", errorType="Runtime.ImportModuleError"),
                platform("initReport", "error", phase="init"),
                IMPORT_ERROR,
                platform("initReport", "error", phase="invoke"),
                report("error", error="Runtime.ImportModuleError"),
            ],
            Kind.INIT,
            IMPORT_FAILED,
            id="init, JSON",
        ),
        pytest.param(
            [
                (
                    "[ERROR] Runtime.ImportModuleError: Unable to import module 'load.handler': "
                    "No module named 'orjson'\nTraceback (most recent call last):"
                ),
                (
                    "INIT_REPORT Init Duration: 229.22 ms\tPhase: init\tStatus: error\t"
                    "Error Type: Runtime.ImportModuleError"
                ),
                text_report("Status: error", "Error Type: Runtime.ImportModuleError"),
            ],
            Kind.INIT,
            IMPORT_FAILED,
            id="init, text",
        ),
        pytest.param(
            [
                "INIT_REPORT Init Duration: 10000.04 ms\tPhase: init\tStatus: timeout",
                "INIT_REPORT Init Duration: 3000.50 ms\tPhase: invoke\tStatus: timeout",
                text_report("Status: timeout"),
            ],
            Kind.INIT,
            "",
            id="init that takes too long, text",
        ),
        pytest.param(
            [
                (
                    "INIT_REPORT Init Duration: 1236.04 ms Phase: init Status: error "
                    "Error Type: Extension.Crash"
                ),
                text_report("Status: error", "Error Type: Extension.Crash"),
            ],
            Kind.INIT,
            "Extension.Crash",
            id="init, text of AWS's page, which has spaces for tabs",
        ),
        pytest.param([report("timeout")], Kind.TIMEOUT, "", id="timeout, JSON"),
        pytest.param([report("failure")], Kind.EXIT, "", id="failure, JSON"),
        pytest.param(
            [
                f"2026-01-01T00:00:03.000Z {REQUEST} Task timed out after 3.00 seconds\n\n",
                text_report("Status: timeout"),
            ],
            Kind.TIMEOUT,
            "Task timed out after 3.00 seconds",
            id="timeout, text",
        ),
        pytest.param(
            [
                f"2023-01-01T00:00:03.000Z {REQUEST} Task timed out after 3.00 seconds\n\n",
                text_report(),
            ],
            Kind.TIMEOUT,
            "Task timed out after 3.00 seconds",
            id="timeout, text of a time when reports had no status",
        ),
        pytest.param(
            [report("error", peak=128, error="Runtime.OutOfMemory")],
            Kind.MEMORY,
            "Runtime.OutOfMemory",
            id="memory, JSON",
        ),
        pytest.param(
            [
                (
                    f"RequestId: {REQUEST} Error: Runtime exited with error: signal: killed\n"
                    "Runtime.ExitError"
                ),
                text_report("Status: error", "Error Type: Runtime.ExitError", peak=128),
            ],
            Kind.MEMORY,
            "Runtime exited with error: signal: killed",
            id="memory, text",
        ),
        pytest.param(
            [report("error", error="Runtime.ExitError")],
            Kind.EXIT,
            "Runtime.ExitError",
            id="end of the process, JSON",
        ),
        pytest.param(
            [
                (
                    f"RequestId: {REQUEST} Error: Runtime exited with error: exit status 1\n"
                    "Runtime.ExitError"
                ),
                text_report("Status: error", "Error Type: Runtime.ExitError"),
            ],
            Kind.EXIT,
            "Runtime exited with error: exit status 1",
            id="end of the process, text",
        ),
        pytest.param(
            [
                (
                    '{"timestamp":"2026-01-01T00:00:00Z","log_level":"ERROR",'
                    '"errorMessage":"no id","errorType":"KeyError",'
                    f'"requestId":"{REQUEST}","stackTrace":[]}}'
                ),
                report("error", error="KeyError"),
            ],
            Kind.ERROR,
            "KeyError: no id",
            id="error, JSON",
        ),
        pytest.param(
            [
                "[ERROR] KeyError: no id\nTraceback (most recent call last):",
                text_report("Status: error", "Error Type: KeyError"),
            ],
            Kind.ERROR,
            "KeyError: no id",
            id="error, text",
        ),
    ],
)
def test_an_invocation_that_failed_is_told_once_with_its_error(
    messages: list[str], kind: Kind, error: str
) -> None:
    (failed,) = read(*messages)

    assert (failed.kind, failed.error, failed.request_id) == (kind, error, REQUEST)
    assert failed.at == at((len(messages) - 1) / 10)


@pytest.mark.parametrize(
    "messages",
    [
        [report("success"), text_report()],
        [platform("initReport", "success"), platform("start", "success"), report("success")],
        ['{"level": "ERROR", "message": "handled", "errorType": "KeyError", "errorMessage": "x"}'],
        ['{"outcome": "retry", "error_type": "E"}', '{"errorType": 3}', "{", '{"type": "a"}'],
        ['{"type": "platform.report", "record": {"status": ["error"]}}'],
        ['{"type": "mine", "record": {"status": "error"}}'],
        ["[" * 9_999 + "]" * 9_999, '{"a":' * 9_999 + "1" + "}" * 9_999],
        [f"START RequestId: {REQUEST} Version: $LATEST", "[ERROR]\t2026-01-01\tmine"],
        # The first init took too long, the second one didn't.
        [platform("initReport", "timeout", phase="init"), report("success")],
    ],
)
def test_what_did_not_fail_is_no_failure(messages: list[str]) -> None:
    assert read(*messages) == []


NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
TEXTS = st.one_of(st.text(), st.sampled_from(["error", "timeout", "success", "Runtime.ExitError"]))
RECORDS = st.dictionaries(
    st.sampled_from(["status", "requestId", "errorType", "metrics"]),
    st.one_of(
        TEXTS,
        st.dictionaries(
            st.sampled_from(["durationMs", "memorySizeMB", "maxMemoryUsedMB"]),
            st.one_of(TEXTS, NUMBERS),
        ),
    ),
)
LINES = st.one_of(
    st.text(),
    st.builds(
        lambda kind, record: json.dumps({"type": kind, "record": record}),
        st.sampled_from(["platform.report", "platform.initReport", "platform.start", "mine"]),
        RECORDS,
    ),
    st.builds(json.dumps, RECORDS),
    st.builds(
        lambda duration, peak, text: (
            f"REPORT RequestId: {REQUEST}\tDuration: {duration} ms\tMemory Size: 128 MB\t"
            f"Max Memory Used: {peak} MB\t{text}"
        ),
        NUMBERS,
        NUMBERS,
        TEXTS,
    ),
)


@given(st.lists(LINES))
@example([text_report().replace("3000.00", "9" * 5_000)])
@example([report("error").replace("3000.0", "1e300")])
def test_no_line_that_a_function_prints_stops_the_tool(messages: list[str]) -> None:
    assert all(failed.at >= START for failed in read(*messages))


def test_an_init_of_long_ago_is_not_the_cause() -> None:
    lines = [Event(at(0), "one", platform("initReport", "timeout", phase="init"))]

    (failed,) = failed_invocations([*lines, Event(at(600), "one", report("timeout"))])

    assert failed.kind is Kind.TIMEOUT


def test_what_lambda_has_not_reported_on_yet_is_told() -> None:
    (failed,) = read(IMPORT_ERROR)

    assert (failed.kind, failed.error) == (Kind.INIT, IMPORT_FAILED)


def test_environments_are_told_apart() -> None:
    events = [
        Event(at(0), "one", IMPORT_ERROR),
        Event(at(1), "two", report("timeout", request=OTHER)),
        Event(at(2), "one", report("error", error="Runtime.ImportModuleError")),
    ]

    found = [(failed.kind, failed.request_id) for failed in failed_invocations(events)]

    assert found == [(Kind.TIMEOUT, OTHER), (Kind.INIT, REQUEST)]


FAILED = FailedInvocation(at=START, kind=Kind.TIMEOUT, error="Task timed out after 3.00 seconds")


def test_failures_are_over_when_one_has_succeeded_and_the_queue_is_empty() -> None:
    failing = Invocations(since=START, failed=[FAILED])
    recovered = replace(failing, has_recovered=True)

    assert failing.troubles(0) == [
        (
            "its function failed once since 2026-01-01 00:00:00: timed out: "
            "Task timed out after 3.00 seconds"
        )
    ]
    assert failing.troubles(None) == failing.troubles(0)
    assert recovered.troubles(0) == recovered.troubles(None) == []
    (told,) = recovered.troubles(2)
    assert "other invocations have succeeded" in told


def test_throttles_are_over_when_the_queue_is_empty() -> None:
    throttled = Invocations(since=START, throttled=[Point(START, 7), Point(at(60), 5)])

    assert throttled.troubles(0) == []
    (told,) = throttled.troubles(1)
    assert "Lambda throttled its function 12 times" in told
    assert throttled.troubles(None) == [told]


def test_a_metric_tells_of_failures_that_the_log_does_not_have() -> None:
    counted = Invocations(since=START, errors=[Point(START, 3)])

    assert counted.troubles(1) == [
        "its function failed 3 times since 2026-01-01 00:00:00: its log doesn't say why"
    ]


def test_lines_and_metrics_of_lambda_are_read(world: World) -> None:
    now = datetime.now(UTC)
    world.log(now - timedelta(minutes=5), IMPORT_ERROR, report("error"))
    world.log(now - timedelta(minutes=4), report("timeout", request=OTHER), stream="two")
    world.measure("AWS/Lambda", "Errors", 3, now - timedelta(minutes=4))
    world.measure("AWS/Lambda", "Throttles", 2, now - timedelta(minutes=3))

    seen = invocations.look(world.consumer, world.aws, since=now - timedelta(minutes=10), now=now)

    assert [failed.kind for failed in seen.failed] == [Kind.INIT, Kind.TIMEOUT]
    assert (seen.failures, seen.throttles, seen.is_failing, seen.unread) == (3, 2, True, "")

    world.log(now - timedelta(minutes=3), report("success", request="third"), stream="two")
    seen = invocations.look(world.consumer, world.aws, since=now - timedelta(minutes=10), now=now)

    assert (len(seen.failed), seen.has_recovered) == (2, True)


def test_a_success_after_the_last_error_of_the_metric_ends_it(world: World) -> None:
    now = datetime.now(UTC)
    world.measure("AWS/Lambda", "Errors", 1, now - timedelta(minutes=6))

    def seen() -> Invocations:
        since = now - timedelta(minutes=10)
        return invocations.look(world.consumer, world.aws, since=since, now=now)

    assert seen().is_failing
    world.log(now - timedelta(minutes=2), report("success"))
    assert not seen().is_failing


def test_messages_that_are_invisible_for_long_are_looked_for_that_long() -> None:
    queue = Queue(arn="", waiting=0, in_flight=1, visibility_seconds=5400)

    assert START - invocations.lately(None, START) == timedelta(minutes=15)
    assert START - invocations.lately(queue, START) > timedelta(seconds=5400)
