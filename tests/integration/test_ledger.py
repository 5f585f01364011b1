"""Once in effect on the real stack: duplicates, overwritten files, functions that are killed."""

import contextlib
import json
import os
import random
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from event_pipelines.operations import discovery
from event_pipelines.operations.commands.trace import trace
from tests.integration.pipeline import AppliedPipeline
from tests.integration.stacks import Stacks
from tests.integration.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.applies("orders")]

FILES = 200
KILLS = 12


def entry(pipeline: AppliedPipeline, consumer: str, key: str) -> dict[str, Any]:
    """Read what the ledger holds of an object."""
    found = pipeline.clients.dynamodb.get_item(
        TableName=pipeline.outputs["ledger"]["name"],
        Key={
            "consumer": {"S": f"orders/{consumer}"},
            "object": {"S": f"s3://{pipeline.bucket}/{key}"},
        },
        ConsistentRead=True,
    )
    return {name: next(iter(value.values())) for name, value in found.get("Item", {}).items()}


def test_the_ledger_tells_what_became_of_a_file(pipeline: AppliedPipeline) -> None:
    key = f"incoming/{secrets.token_hex(4)}/told.json"
    version = pipeline.upload(key, "[1]")
    pipeline.outcome("transform", key, "done")

    item = eventually(
        lambda: entry(pipeline, "transform", key),
        until=lambda item: item.get("state") == "SUCCEEDED",
        waiting_for="the success on record",
    )

    assert (item["version"], item["newest_version"], item["attempts"]) == (version, version, "1")
    assert item["result"]["output"]["S"].endswith(key)


def test_a_message_that_comes_twice_has_its_effect_once(pipeline: AppliedPipeline) -> None:
    key = f"incoming/{secrets.token_hex(4)}/twice.json"
    with pipeline.subscribed(pipeline.outputs["topic"]["arn"]) as inbox:
        pipeline.upload(key, "[1]")
        (body,) = eventually(
            lambda: [message for message in inbox.messages() if json.dumps(key) in message],
            waiting_for="the message about the file",
        )
    pipeline.outcome("transform", key, "done")

    queue = pipeline.consumer("transform")["queue"]["url"]
    pipeline.clients.sqs.send_message(QueueUrl=queue, MessageBody=body)

    assert pipeline.outcome("transform", key, "skipped")["reason"] == "duplicate"
    assert len(pipeline.outcomes("transform", key)) == 2


def test_of_versions_in_any_order_the_newest_is_in_effect(pipeline: AppliedPipeline) -> None:
    key = f"incoming/{secrets.token_hex(4)}/versions.json"
    with pipeline.paused("transform"):
        versions = [pipeline.upload(key, f"[{number}]") for number in range(6)]

    eventually(
        lambda: entry(pipeline, "transform", key),
        until=lambda item: item.get("newest_version") == versions[-1],
        waiting_for="the newest version to be the newest on record",
        within=120,
    )
    eventually(
        lambda: len([some for some in pipeline.outcomes("transform", key) if ends(some)]),
        until=len(versions).__eq__,
        waiting_for="every version to be dealt with",
        within=120,
    )
    assert pipeline.output_of(key)["records"] == [5]


def ends(line: dict[str, Any]) -> bool:
    return line["outcome"] in {"done", "skipped"}


def upload_and_crash(pipeline: AppliedPipeline, _cleanup: ExitStack) -> str:
    """Upload a file that takes three invocations, of which the second one crashes at first."""
    key = f"scripted/{secrets.token_hex(4)}/in-parts-with-a-crash/a.json"
    pipeline.upload(key, "[1]")
    return key


@pytest.mark.begins("orders", upload_and_crash)
def test_a_file_that_takes_three_invocations_is_done_once(
    pipeline: AppliedPipeline, stacks: Stacks
) -> None:
    crashing = stacks.begun[upload_and_crash].result()
    key = f"scripted/{secrets.token_hex(4)}/in-parts/a.json"
    pipeline.upload(key, "[1]")
    for one in (key, crashing):
        pipeline.outcome("scripted", one, "done", within=180)

    lines = {one: pipeline.outcomes("scripted", one) for one in (key, crashing)}
    said = [(line["outcome"], line.get("progress")) for line in lines[key]]
    assert said == [
        ("continued", "1 of 3 parts"),
        ("continued", "2 of 3 parts"),
        ("done", None),
    ]
    assert [(line["outcome"], line.get("progress")) for line in lines[crashing]] == said
    # Only the crash counts as a receive, of which a message may have two.
    assert [line["attempts"] for line in lines[key]] == [1, 1, 1]
    assert [line["attempts"] for line in lines[crashing]] == [1, 2, 1]
    for one in (key, crashing):
        assert parts_written(pipeline, one) == {"0": 1, "1": 1, "2": 1}
        assert "cursor" not in entry(pipeline, "scripted", one)
        assert not [
            letter
            for letter in pipeline.dead_letters("scripted")
            if letter.is_about(f"s3://{pipeline.bucket}/{one}")
        ]
    found = discovery.by_outputs(pipeline.outputs, None, pipeline.clients)
    story = trace(found, f"s3://{pipeline.bucket}/{crashing}", pipeline.clients)
    told = next(one for one in story.consumers if one.consumer == "scripted")
    assert told.verdict == "done"
    assert [step.detail for step in told.steps if step.what == "continued"] == [
        "1 of 3 parts",
        "2 of 3 parts",
    ]


def parts_written(pipeline: AppliedPipeline, key: str) -> dict[str, int]:
    """Count how often each part of an output was written, by its versions."""
    folder = f"scripted-output/{key}/"
    answer = pipeline.clients.s3.list_object_versions(Bucket=pipeline.bucket, Prefix=folder)
    names = [version["Key"].removeprefix(folder) for version in answer["Versions"]]
    return Counter(name for name in names if "/" not in name)


def upload_and_kill(pipeline: AppliedPipeline, _cleanup: ExitStack) -> tuple[str, dict[str, str]]:
    """Upload files into a folder while their function is killed again and again."""
    folder = f"fragile/{secrets.token_hex(4)}"
    bodies = {f"{folder}/{number}.json": f"[{number}]" for number in range(FILES)}
    with killed_again_and_again("orders-fragile"), ThreadPoolExecutor(8) as pool:
        list(pool.map(pipeline.upload, bodies, bodies.values()))
    return folder, bodies


@pytest.mark.skipif(
    os.environ.get("LOCALSTACK", "embedded") != "embedded",
    reason="only functions that are processes of this host can be killed",
)
@pytest.mark.begins("orders", upload_and_kill)
def test_a_function_killed_again_and_again_loses_nothing(
    pipeline: AppliedPipeline, stacks: Stacks
) -> None:
    folder, bodies = stacks.begun[upload_and_kill].result()

    states = eventually(
        lambda: ledger_states(pipeline, "fragile", folder),
        until=lambda states: len(states) == FILES and set(states.values()) == {"SUCCEEDED"},
        within=240,
        waiting_for="all files to be on record as done",
    )
    assert len(states) == FILES
    outputs = {
        stored["Key"].removeprefix("fragile-processed/")
        for page in pipeline.clients.s3.get_paginator("list_objects_v2").paginate(
            Bucket=pipeline.bucket, Prefix=f"fragile-processed/{folder}/"
        )
        for stored in page["Contents"]
    }
    assert outputs == set(bodies)
    for key in random.sample(sorted(bodies), 20):
        body = pipeline.object_at(f"fragile-processed/{key}")
        assert body is not None
        assert json.loads(body)["records"] == json.loads(bodies[key])
    fragile = pipeline.consumer("fragile")
    eventually(
        lambda: pipeline.queue_depth(fragile["queue"]["url"]),
        until=(0).__eq__,
        waiting_for="an empty queue",
    )
    assert pipeline.queue_depth(fragile["dead_letter_queue"]["url"]) == 0


def ledger_states(pipeline: AppliedPipeline, consumer: str, folder: str) -> dict[str, str]:
    """Read the states of all objects in a folder."""
    pages = pipeline.clients.dynamodb.get_paginator("query").paginate(
        TableName=pipeline.outputs["ledger"]["name"],
        KeyConditionExpression="consumer = :consumer AND begins_with(#object, :folder)",
        ExpressionAttributeNames={"#object": "object"},
        ExpressionAttributeValues={
            ":consumer": {"S": f"orders/{consumer}"},
            ":folder": {"S": f"s3://{pipeline.bucket}/{folder}/"},
        },
    )
    return {item["object"]["S"]: item["state"]["S"] for page in pages for item in page["Items"]}


@contextmanager
def killed_again_and_again(function: str) -> Iterator[None]:
    """Kill a function's processes at moments of chance, while the block runs and for a while on."""

    def kill() -> None:
        kills = 0
        while kills < KILLS:
            processes = processes_of(function)
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            kills += bool(processes)
            time.sleep(random.uniform(0.05, 1.0))  # noqa: S311 (moments, no secrets)

    killer = threading.Thread(target=kill)
    killer.start()
    yield
    killer.join(timeout=120)
    assert not killer.is_alive(), f"{function} did not run often enough to be killed {KILLS} times"


def processes_of(function: str) -> list[int]:
    """Find the processes that run a function on this host."""
    wanted = f"AWS_LAMBDA_FUNCTION_NAME={function}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found
