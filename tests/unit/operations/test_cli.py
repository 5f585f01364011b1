"""The commands with their exit codes, on a pipeline in moto."""

import io
import json
import sys
from urllib.parse import quote_plus

import pytest

from event_pipelines.operations import evidence
from event_pipelines.operations.terminal import visible
from tests.unit.operations.command_line import Run
from tests.unit.operations.world import BUCKET, World


@pytest.mark.parametrize("key", ["in/a\x1b]52;c;eA==\x07.json", "in/\u202etxt.\x1b7\x9b.json"])
def test_a_key_that_is_a_terminals_command_is_shown(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    # moto writes listings without S3's encoding, and XML has no such characters.
    monkeypatch.setattr(evidence, "versions", lambda *_: [])
    world.dead_letter(quote_plus(key), "FormatError", f"{key}: line 3")
    url = str(world.consumer.dead_letter_queue_url)
    world.aws.sqs.send_message(QueueUrl=url, MessageBody="\x9b2J")

    failures, story = run("failures"), run("trace", key)
    documents = [run("failures", "--json"), run("trace", key, "--json")]
    refused = [run("trace", f"s3://{key}/"), run("failures", key), run("redrive", key)]

    assert f"s3://{BUCKET}/{visible(key)}" in failures.output
    assert f"s3://{BUCKET}/{visible(key)}" in story.output
    assert f"s3://{BUCKET}/{key}" == json.loads(documents[1].output)["object"]
    for answer in (failures, story, *documents, *refused):
        for output in (answer.output, answer.errors):
            assert all(map(str.isprintable, output.split("\n")))


def test_a_terminal_that_lacks_a_character_is_shown_an_escape(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.dead_letter(quote_plus("in/漢字🙂.json"), "FormatError", "line 3")
    screen = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(screen, encoding="latin-1"))

    assert run("failures").code == 1
    assert run("failures", "--json").code == 1

    sys.stdout.flush()
    shown, _, document = screen.getvalue().decode("latin-1").partition("\n[\n")
    assert "in/\\u6f22\\u5b57\\U0001f642.json" in shown
    (failure,) = json.loads(f"[{document}")
    assert failure["example"] == f"s3://{BUCKET}/in/漢字🙂.json"


def test_what_aws_refuses_is_told_without_a_stack(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.aws.sqs.delete_queue(QueueUrl=str(world.consumer.queue_url))

    told = run("status")

    assert told.code == 3
    assert told.errors.startswith("pipeline: ")
    assert "Traceback" not in told.errors
