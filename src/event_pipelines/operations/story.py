"""What a file's story is made of, and what it comes to.

Pure: `operations.evidence` gathers the facts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from event_pipelines.operations.dead_letters import DeadLetter
from event_pipelines.operations.invocations import FailedInvocation, Invocations
from event_pipelines.operations.ledger import LedgerEntry
from event_pipelines.operations.queues import Queue
from object_consumer.events import ObjectEvent
from object_consumer.ledger import ObjectState

_NOT_THERE = "its message is not to be seen now: redriven, deleted, or somebody else looks at it"

# What `--json` calls dead-lettered: scripts compare with it.
SET_ASIDE = "set aside"
FAILED = "invocation failed"
# The last ones say enough.
_MAX_FAILED = 5


_CREATED = "ObjectCreated:"
# The outcomes of an attempt after which there is another one.
_GOES_ON = {"continued", "retry"}
# Skipped for a reason that the file itself doesn't have.
_NOT_ITS_OWN = {"duplicate", "stale"}


class Verdict(StrEnum):
    """What became of the newest version of a file at one consumer."""

    DONE = "done"
    SKIPPED = "skipped"
    DEAD_LETTERED = SET_ASIDE
    PROCESSING = "being processed"
    CONTINUED = "to be continued"
    RETRIED = "to be retried"
    FAILING = "function fails"
    NOT_HEARD_OF = "not heard of"
    NOT_WANTED = "not wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of the file.

    Attributes
    ----------
    version_id
        Its id; None in a bucket without versioning.
    etag
        Its entity tag; None for a deletion.
    at, size
        When it was written, and its bytes; None for a deletion.
    """

    version_id: str | None
    etag: str | None
    at: datetime
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that happened to the file.

    Attributes
    ----------
    at
        When.
    what
        In a word: an outcome (``done``, ``skipped``, ``continued``, ``retry``, ``permanent``),
        `SET_ASIDE`, ``sent`` of a message that SQS moved to the dead-letter queue at a time it
        doesn't tell, or `FAILED` of an invocation that may have been about other files.
    version_id
        Of which version, if that is known.
    attempt
        The receive of the message, if that is known.
    detail
        Output, reason or error.
    request_id
        The invocation's.
    """

    at: datetime
    what: str
    version_id: str | None = None
    attempt: int | None = None
    detail: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerStory:
    """What one consumer made of the file.

    Attributes
    ----------
    consumer
        Its name.
    verdict
        What became of the newest version.
    why
        The reason, or where the output is.
    advice
        What to do about it, mostly a command; empty if there is nothing to do.
    steps
        What happened, in order.
    ledger
        What the ledger holds.
    output
        The output, if one is known, and whether it is there.
    superseded
        The messages in the dead-letter queue about versions that have been overwritten.
    unseen
        How much of the dead-letter queue was not looked at, and why; empty for nothing.
    unread
        What of the log was not read, and why; empty for nothing.
    """

    consumer: str
    verdict: Verdict
    why: str
    advice: str
    steps: Sequence[Step]
    ledger: LedgerEntry | None
    output: str | None
    output_exists: bool | None
    superseded: int = 0
    unseen: str = ""
    unread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The whole story of a file.

    Attributes
    ----------
    object
        Its address.
    versions
        Those the bucket has, oldest first.
    consumers
        Each consumer's part.
    """

    object: str
    versions: Sequence[Version]
    consumers: Sequence[ConsumerStory]

    @property
    def is_good(self) -> bool:
        """Whether every consumer that wants the file is done with it."""
        fine = {Verdict.DONE, Verdict.SKIPPED, Verdict.NOT_WANTED}
        return all(
            story.verdict in fine and story.output_exists is not False for story in self.consumers
        )


def verdict_on(  # noqa: PLR0911 (cases, in the order of their weight)
    newest: Version | None,
    lines: Sequence[Mapping[str, Any]],
    letters: Sequence[DeadLetter],
    entry: LedgerEntry | None,
    *,
    now: datetime,
    wanted: bool,
) -> tuple[Verdict, str]:
    """Decide what became of the newest version, and why.

    Parameters
    ----------
    newest
        The newest version that isn't a deletion; None if the bucket has none.
    lines
        The log's lines about the file, oldest first.
    letters
        The messages about it in the dead-letter queue.
    entry
        What the ledger holds.
    now
        The time.
    wanted
        Whether the consumer's filter lets the file in.
    """
    lines = [line for line in lines if newest is None or _is_of(line, newest)]
    ended = next((line for line in reversed(lines) if line["outcome"] not in _GOES_ON), None)
    # A duplicate tells nothing of how the first delivery ended.
    done = next((line for line in reversed(lines) if line["outcome"] == "done"), None)
    letter = max(
        (letter for letter in letters if newest is None or _tells_of(letter, newest)),
        # One whose time is known says why; another's time is when it was sent at first.
        key=lambda letter: (letter.dead_lettered_at is not None, letter.sent_at),
        default=None,
    )
    is_newest = entry is not None and (newest is None or _is_version(entry.version, newest))
    if entry is not None and is_newest and entry.is_held(now):
        so_far = f"; {entry.how_far}" if entry.how_far else ""
        return Verdict.PROCESSING, f"claimed by {entry.request_id}{so_far}"
    if letter is not None and (done is None or moment(done) < letter.sent_at):
        return Verdict.DEAD_LETTERED, letter.reason
    if done is not None:
        return Verdict.DONE, ""
    if entry is not None and is_newest and entry.state is ObjectState.SUCCEEDED:
        return Verdict.DONE, ""
    if ended is not None and ended["outcome"] == "skipped":
        return Verdict.SKIPPED, str(ended.get("reason", ""))
    if ended is not None:
        return Verdict.DEAD_LETTERED, f"{_detail(ended)} ({_NOT_THERE})"
    if entry is not None and is_newest and entry.is_suspended:
        return Verdict.CONTINUED, entry.how_far
    if lines:
        continued = lines[-1]["outcome"] == "continued"
        return Verdict.CONTINUED if continued else Verdict.RETRIED, _detail(lines[-1])
    if entry is not None and is_newest:
        said = (
            f"{entry.error_type}: {entry.error_message}"
            if entry.error_type
            else "its claim ran out"
        )
        return Verdict.RETRIED, said
    if not wanted:
        return Verdict.NOT_WANTED, "outside its filter"
    if newest is None:
        return Verdict.NOT_HEARD_OF, "there is no such file in the bucket"
    return Verdict.NOT_HEARD_OF, "no log line, no ledger entry, no dead letter"


def is_settled(
    verdict: Verdict, why: str, newest: Version | None, entry: LedgerEntry | None
) -> bool:
    """Return whether more lines of the log would not change a verdict.

    The ledger's entry is about the last attempt, so it settles the verdict on its version.
    """
    if newest is not None and entry is not None and _is_version(entry.version, newest):
        return True
    if verdict is Verdict.SKIPPED:
        return why not in _NOT_ITS_OWN
    if verdict is Verdict.DEAD_LETTERED:
        return not why.endswith(f"({_NOT_THERE})")
    return verdict in {Verdict.DONE, Verdict.PROCESSING, Verdict.NOT_WANTED}


def with_invocations(
    verdict: Verdict,
    why: str,
    seen: Invocations,
    entry: LedgerEntry | None,
    queue: Queue | None,
) -> tuple[Verdict, str]:
    """Add what Lambda says of a function to the verdict on a file that it has not done.

    Parameters
    ----------
    verdict, why
        The verdict on the file, by lines, ledger and messages.
    seen
        How the function's invocations have ended since the file was written.
    entry
        What the ledger holds; it names the invocation that claimed the file.
    queue
        The consumer's queue; if it is empty, the function fails with other files.
    """
    own = [failed for failed in seen.failed if entry and failed.request_id == entry.request_id]
    cause = str(own[-1]) if own else seen.cause
    if verdict is Verdict.DEAD_LETTERED:
        return verdict, f"{why}; Lambda says: {cause}" if seen.failures else why
    if seen.failures:
        times = "once" if seen.failures == 1 else f"{seen.failures:,} times"
        told = f"since it was written, its function failed {times}: {cause}"
        if seen.is_failing and (queue is None or queue.messages):
            return Verdict.FAILING, told
        why = f"{why}; {told}"
    if seen.throttles:
        why += f"; Lambda throttled its function {seen.throttles:,} times since then"
    return verdict, why


def failed_step(failed: FailedInvocation) -> Step:
    """Make the step that an invocation tells of."""
    return Step(at=failed.at, what=FAILED, detail=str(failed), request_id=failed.request_id)


def failed_steps(seen: Invocations | None) -> list[Step]:
    """Make the steps that the last failed invocations tell of."""
    return [failed_step(failed) for failed in seen.failed[-_MAX_FAILED:]] if seen else []


def is_superseded(event: ObjectEvent, versions: Sequence[Version]) -> bool:
    """Return whether the version that an event is about has been overwritten since.

    A redrive would not help then: the newer version has an event of its own. A file that was
    deleted is not overwritten.

    Parameters
    ----------
    versions
        The versions that the bucket has, oldest first.
    """
    newest = versions[-1] if versions else None
    if newest is None or newest.size is None or not event.event_name.startswith(_CREATED):
        return False
    if event.version_id is None:
        is_newest = event.etag in {None, newest.etag}
    else:
        is_newest = event.version_id == newest.version_id
    # S3 lists times in seconds.
    return not is_newest and newest.at >= event.event_time.replace(microsecond=0)


def step(line: Mapping[str, Any]) -> Step:
    """Make the step that a line of the log tells of."""
    return Step(
        at=moment(line),
        what=line["outcome"],
        version_id=line.get("version_id"),
        attempt=line.get("attempts"),
        detail=_detail(line),
        request_id=line.get("request_id", ""),
    )


def dead_lettered(letters: Sequence[DeadLetter]) -> list[Step]:
    """Make the steps that messages in the dead-letter queue tell of."""
    return [
        Step(
            at=letter.sent_at,
            what="sent" if letter.dead_lettered_at is None else SET_ASIDE,
            version_id=next((event.version_id for event in letter.events), None),
            detail=letter.reason
            if letter.dead_lettered_at
            else f"dead-lettered later: {letter.reason}",
        )
        for letter in letters
    ]


def _detail(line: Mapping[str, Any]) -> str:
    if line.get("error_type"):
        return f"{line['error_type']}: {line.get('error_message', '')}"
    return str(line.get("reason") or line.get("progress") or line.get("output") or "")


def moment(line: Mapping[str, Any]) -> datetime:
    """Return the time of a line."""
    return datetime.fromisoformat(line["timestamp"])


def _is_of(line: Mapping[str, Any], version: Version) -> bool:
    """Whether a line is about a version; one without an id, as of a replay, is if it is later."""
    if (version_id := line.get("version_id")) is not None:
        return bool(version_id == version.version_id)
    return moment(line) >= version.at


def _tells_of(letter: DeadLetter, version: Version) -> bool:
    return any(
        event.version_id == version.version_id
        if event.version_id is not None
        else event.etag == version.etag
        for event in letter.events
    )


def _is_version(name: str, version: Version) -> bool:
    return name in {version.version_id, version.etag}


def output_of(lines: Sequence[Mapping[str, Any]], entry: LedgerEntry | None) -> str | None:
    """Return where the output was written, as the log or the ledger says."""
    written = next((str(line["output"]) for line in reversed(lines) if line.get("output")), None)
    return written or (entry.result.get("output") if entry else None)
