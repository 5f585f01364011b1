"""Hypothesis strategies of what a hostile sender writes: text, JSON, CSV, events, messages.

All of them give what goes over the wire. JSON is built as text, so that names may occur twice and
numbers may be longer than any parser keeps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import quote_plus

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.target import join

# Depths at which one of CPython's limits, msgspec's or the stack's is reached, and next to them.
DEPTHS = (31, 32, 33, 332, 333, 497, 498, 993, 998, 1000, 1001, 4990, 9990, 9992, 9993, 10_000)

# What parsers, terminals, paths, URLs and spreadsheets take for more than text.
WORDS = (
    *("", " ", "\0", "\x1b[2J\x1b]0;title\x07", "\u202egpj.exe", "\ufeff", "\ufffe", "\U0010ffff"),
    *("\ud800", "\udfff", "\x85", "\u2028", "é", "日本", "😀", "a" * 300, '"', "\\", "\r\n", "\t"),
    *("../../etc/passwd", "//", "%00", "%FF", "%", "+", "=1+1", "@127.0.0.1:1/", "#", "?x=1"),
    *("None", "NaN", "true", "-0", "1e999", "${jndi:ldap://x}", "[red]x[/red]", "__proto__"),
)

# A few characters of each kind: all of Unicode takes seconds to look through, and tells no more.
text = st.sampled_from(WORDS) | st.text(
    "abcXYZ019 .,:;-_/%+?#@'\"\\{}[]\0\t\r\n\x1b\x7f\x85éß日\u202e\ud83d\U0001f600", max_size=20
)
# What UTF-8 can write: files and SQS's messages are of nothing else.
unicode_text = text.map(lambda value: value.encode(errors="replace").decode())

# Numbers as JSON spells them; some are longer, or larger, than anybody reads.
numbers = (
    st.integers().map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.decimals(allow_nan=False, allow_infinity=False, places=5).map(str)
    | st.sampled_from(["-0", "0.0", "1e999", "-1e-999", "1E+400", "1e9999999999999999999"])
    | st.builds(
        lambda digit, count, ending: digit[:-1] + digit[-1] * count + ending,
        st.sampled_from(["1", "9", "-7"]),
        st.sampled_from([1, 20, 38, 39, 310, 4299, 4300, 4301, 5000]),
        st.sampled_from(["", ".5", "e5", "e-131", "E126"]),
    )
)


def quoted(value: str) -> str:
    """Write a text as JSON; half of a surrogate pair stays as the escape that it can only be."""
    return json.dumps(value, ensure_ascii=not value.isprintable())


def nested(depth: int, opening: str, closing: str, inside: str = "1") -> str:
    """Write a value that lies so deep."""
    return opening * depth + inside + closing * depth


def repeated(value: str, count: int) -> str:
    """Write an array of one value, many times."""
    return f"[{','.join([value] * count)}]"


deep_json = st.builds(
    lambda depth, pair, inside: nested(depth, pair[0], pair[1], inside),
    st.sampled_from(DEPTHS),
    st.sampled_from([("[", "]"), ('{"a":', "}"), ('[{"":', "}]"), ("[[],", "]"), ("[", "")]),
    st.sampled_from(["1", "{}", '""']),
)

scalars = st.sampled_from(["null", "true", "false", '""']) | numbers | text.map(quoted)


def _object(members: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{quoted(name)}:{value}" for name, value in members) + "}"


def json_objects(
    names: SearchStrategy[str], values: SearchStrategy[str], max_size: int = 6
) -> SearchStrategy[str]:
    """Write objects, in which a name may occur twice."""
    return st.lists(st.tuples(names, values), max_size=max_size).map(_object)


shallow_json = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=6).map(lambda values: f"[{','.join(values)}]")
        | json_objects(text, inner)
    ),
    max_leaves=12,
)
# Many of one small thing: what a parser makes of each is larger than its text.
wide_json = st.builds(
    repeated,
    st.sampled_from(["[]", "{}", "1", '""', "null", "[[]]", '{"":0}', '{"a":1,"a":2}']),
    st.sampled_from([2, 50, 2000]),
)
any_json = shallow_json | wide_json | deep_json


# Files


def table(header: list[str], rows: int, cell: str, ending: str = "\n", delimiter: str = ",") -> str:
    """Write a table whose cells are all the same."""
    line = delimiter.join([cell] * len(header))
    return ending.join([delimiter.join(header), *([line] * rows), ""])


csv_texts = st.one_of(
    # Many columns and many rows: the header is repeated in each record.
    st.builds(
        lambda width, columns, rows, cell, ending, delimiter: table(
            [f"column {n}{'x' * width}" for n in range(columns)], rows, cell, ending, delimiter
        ),
        st.sampled_from([0, 0, 1000]),
        st.sampled_from([1, 2, 40, 300]),
        st.sampled_from([0, 1, 40, 1000]),
        st.sampled_from(["", "1", '""', '"a""b"', "true"]),
        st.sampled_from(["\n", "\r\n", "\r"]),
        st.sampled_from([",", "\t"]),
    ),
    # One giant field, closed or not.
    st.builds(
        lambda size, unit, ending: f'a,b\n1,"{unit * size}{ending}',
        st.sampled_from([1, 1000, 20_000]),
        st.sampled_from(["x", '""', "\n", "é", ",", "\r\n"]),
        st.sampled_from(['"', '"\n', "", '"x\n', '",3\n']),
    ),
    # Anything between delimiters.
    st.builds(
        lambda rows, delimiter, ending: ending.join(delimiter.join(row) for row in rows),
        st.lists(st.lists(unicode_text | numbers, min_size=1, max_size=4), max_size=8),
        st.sampled_from([",", "\t"]),
        st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    ),
)


def own_fields(count: int) -> str:
    """Write records of which each has a field that no other has: a table has a column for each."""
    return "\n".join(f'{{"f{number}":{number}}}' for number in range(count))


jsonl_texts = st.one_of(
    st.lists(any_json, max_size=5).map("\n".join),
    st.sampled_from([1, 40, 400, 3000]).map(own_fields),
)


def as_file(texts: SearchStrategy[str]) -> SearchStrategy[bytes]:
    """Write texts as a file: mostly in UTF-8, now and then with a mark or damaged."""
    plain = texts.map(lambda value: value.encode(errors="surrogatepass"))
    return st.builds(
        lambda before, content, after: before + content + after,
        st.sampled_from([b""] * 9 + [b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", b" \n"]),
        plain,
        st.sampled_from([b""] * 9 + [b"\0", b"\xff", b"\n", b"]", b"\xc3"]),
    )


def tried(
    ways: Mapping[str, tuple[str, str]], texts: Mapping[str, SearchStrategy[str]]
) -> SearchStrategy[bytes]:
    """Make inputs for a target whose ways each begin with a kind of file."""
    return st.sampled_from(sorted(ways)).flatmap(
        lambda way: as_file(texts[ways[way][0]]).map(partial(join, way))
    )


# Messages


def _hostile(fields: dict[str, SearchStrategy[str]]) -> SearchStrategy[str]:
    """Write an object of these fields, of which one or none is missing, doubled, or anything."""
    plain = st.fixed_dictionaries(fields).map(lambda some: list(some.items()))

    def spoil(members: list[tuple[str, str]], at: int, value: str, how: str) -> str:
        name = members[at % len(members)][0] if members else ""
        match how:
            case "replace":
                members = [(n, value if n == name else v) for n, v in members]
            case "leave out":
                members = [(n, v) for n, v in members if n != name]
            case "double":
                members = [*members, (name, value)]
            case _:
                members = [*members, ("unknown", value)]
        return _object(members)

    how = st.sampled_from(["replace", "leave out", "double", "add"])
    return plain.map(_object) | st.builds(spoil, plain, st.integers(0, 9), any_json, how)


def _one_of(*values: str) -> SearchStrategy[str]:
    return st.sampled_from(values).map(quoted)


regions = _one_of("eu-west-1", "us-gov-west-1", "@127.0.0.1:8080/", "", "a.b", "eu-west-1\r\nx: y")
buckets = _one_of("test-bucket", "example.org", "a", "B_1", "127.0.0.1", "x/../y", "b@evil.example")
times = _one_of(
    "2026-01-02T03:04:05.678Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999-23:59",
    "2026-01-02",
)
names = _one_of("ObjectCreated:Put", "s3:ObjectRemoved:Delete", "LifecycleExpiration:Delete", "x")
sizes = st.sampled_from(["0", "1024", "1e3", "-1", str(2**63), "9" * 5000]) | numbers


def s3_records(keys: SearchStrategy[str]) -> SearchStrategy[str]:
    """Write one record of S3's notifications."""
    stored = _hostile(
        {
            "key": keys.map(lambda key: quoted(quote_plus(key, safe="/"))) | text.map(quoted),
            "size": sizes,
            "eTag": text.map(quoted),
            "versionId": text.map(quoted),
            "sequencer": text.map(quoted) | _one_of("0055AED6DCD90281E5"),
        }
    )
    entity = _hostile({"bucket": _hostile({"name": buckets}), "object": stored})
    return _hostile(
        {
            "eventVersion": _one_of("2.1", "2.99", "3.0"),
            "awsRegion": regions,
            "eventTime": times,
            "eventName": names,
            "s3": entity,
        }
    )


def _notification(records: list[str]) -> str:
    return f'{{"Records":[{",".join(records)}]}}'


def notification(key: str) -> str:
    """Write what S3 says of a new object."""
    stored = {"key": quote_plus(key, safe="/"), "size": 7, "sequencer": "0055AED6DCD90281E5"}
    record = {
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-01-02T03:04:05.678Z",
        "awsRegion": "eu-west-1",
        "s3": {"bucket": {"name": "test-bucket"}, "object": stored},
    }
    return _notification([json.dumps(record)])


def s3_notifications(keys: SearchStrategy[str]) -> SearchStrategy[str]:
    """Write what S3 says of a few objects, or of hundreds."""
    return st.lists(s3_records(keys), min_size=1, max_size=4).map(_notification) | st.builds(
        lambda record, count: _notification([record] * count),
        s3_records(keys) | any_json,
        st.sampled_from([100, 500]),
    )


def eventbridge_events(keys: SearchStrategy[str]) -> SearchStrategy[str]:
    """Write one event as EventBridge hands it on."""
    stored = _hostile(
        {
            "key": keys.map(quoted) | text.map(quoted),
            "size": sizes,
            "etag": text.map(quoted),
            "version-id": text.map(quoted),
            "sequencer": text.map(quoted),
        }
    )
    detail = _hostile(
        {
            "bucket": _hostile({"name": buckets}),
            "object": stored,
            "reason": _one_of("PutObject", "Lifecycle Expiration", "x y"),
            "deletion-type": _one_of("Permanently Deleted", "Delete Marker Created"),
        }
    )
    return _hostile(
        {
            "detail-type": _one_of("Object Created", "Object Deleted", "Object Tags Added", "x"),
            "source": _one_of("aws.s3", "aws.s3", "aws.ec2"),
            "time": times,
            "region": regions,
            "detail": detail,
        }
    )


test_events = _hostile({"Service": _one_of("Amazon S3"), "Event": _one_of("s3:TestEvent")})
confirmations = _hostile({"Type": _one_of("SubscriptionConfirmation"), "Message": text.map(quoted)})


def in_sns(message: str) -> str:
    """Wrap a message as SNS does for a queue."""
    return f'{{"Type":"Notification","MessageId":"m","Message":{quoted(message)}}}'


def in_sns_for_lambda(message: str) -> str:
    """Wrap a message as SNS does for a function."""
    return f'{{"Records":[{{"EventSource":"aws:sns","Sns":{{"Message":{quoted(message)}}}}}]}}'


def in_failed_invocation(message: str) -> str:
    """Wrap a message as Lambda does that gives it up."""
    return (
        '{"version":"1.0","requestContext":{"condition":"RetriesExhausted"},'
        f'"requestPayload":{message},'
        '"responsePayload":{"errorType":"E","errorMessage":"m"}}'
    )


_LONGEST_WRAPPED = 30_000
WRAPPERS: tuple[Callable[[str], str], ...] = (in_sns, in_sns_for_lambda, in_failed_invocation)


def _wrapped(message: str, wrappers: list[Callable[[str], str]]) -> str:
    for wrap in wrappers:
        # Each wrapper doubles the backslashes of the one inside.
        message = wrap(message) if len(message) < _LONGEST_WRAPPED else message
    return message


def messages(keys: SearchStrategy[str] = unicode_text) -> SearchStrategy[str]:
    """Write a message's text: an event in any envelopes, or what only looks like one."""
    return st.builds(
        _wrapped,
        s3_notifications(keys)
        | eventbridge_events(keys)
        | test_events
        | confirmations
        | any_json
        | text,
        st.lists(st.sampled_from(WRAPPERS), max_size=3) | st.just([in_failed_invocation] * 6),
    )


def _sqs_record(number: int, body: str, fields: dict[str, str], arn: str) -> str:
    return _object(
        [
            ("messageId", quoted(f"m{number}")),
            ("receiptHandle", quoted(f"r{number}")),
            ("body", body),
            *fields.items(),
            ("eventSource", '"aws:sqs"'),
            ("eventSourceARN", quoted(arn)),
        ]
    )


receive_counts = _one_of("1", "2", "5", "0", "-1", "x", "9" * 5000, "٣") | numbers
message_attributes = json_objects(
    text | _one_of("Origin").map(json.loads),
    _hostile(
        {
            "dataType": _one_of("String", "Number", "Binary", "String.x", ""),
            "stringValue": text.map(quoted),
            "binaryValue": _one_of("YQ==", "x", ""),
        }
    ),
    max_size=12,
)
_system = _hostile(
    {
        "ApproximateReceiveCount": receive_counts,
        "SentTimestamp": _one_of("1767225600000", "0", "x", "9" * 30) | numbers,
        "MessageGroupId": text.map(quoted),
    }
)
_fields = st.fixed_dictionaries(
    {}, optional={"attributes": _system, "messageAttributes": message_attributes}
)


_QUEUE = "arn:aws:sqs:eu-west-1:111122223333:q"


def _batch(records: list[tuple[str, dict[str, str]]], arn: str) -> str:
    return _notification(
        [_sqs_record(n, body, fields, arn) for n, (body, fields) in enumerate(records)]
    )


def batch(*bodies: str, **fields: object) -> str:
    """Write a batch as Lambda hands it over, with these fields in each message."""
    written = {_camel(name): json.dumps(value) for name, value in fields.items()}
    return _batch([(quoted(body), written) for body in bodies], _QUEUE)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


def lambda_events(keys: SearchStrategy[str]) -> SearchStrategy[str]:
    """Write what Lambda hands to a function: a batch of a queue, or an event that came directly."""
    bodies = messages(keys).map(quoted) | keys.map(lambda key: quoted(notification(key)))
    batches = st.builds(
        _batch,
        st.lists(st.tuples(bodies | any_json, _fields), min_size=1, max_size=5),
        st.sampled_from([_QUEUE, f"{_QUEUE}.fifo"]),
    )
    return batches | messages(keys) | any_json
