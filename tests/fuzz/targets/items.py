"""Records as DynamoDB's items: each put is one that DynamoDB takes, or an error says why not."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from decimal import Decimal

from hypothesis import strategies as st

from load_records.items import MAX_ITEM_BYTES, Puts
from load_records.keys import Key
from load_records.table import MAX_BYTES, MAX_ITEMS, batches
from object_consumer import PermanentError
from object_consumer.memory import Allowance
from record_formats import read_batches
from tests.fuzz import strategies
from tests.fuzz.metering import Bound
from tests.fuzz.target import Target, choose, join, promise, promise_words, split

_ID = Key("id", "S", "partition")
KEYS = {
    "S": [_ID],
    "N": [Key("id", "N", "partition")],
    "S N": [_ID, Key("at", "N", "sort")],
    "S S": [_ID, Key("at", "S", "sort")],
}
# Bytes that a file may take beside itself.
_LIMIT = 8 * 1024 * 1024
_READ: dict[str, Callable[[str], object]] = {"S": str, "N": Decimal}


def work(data: bytes) -> list[bytes] | PermanentError:
    how, content = split(data)
    allowance = Allowance(_LIMIT)
    try:
        puts = Puts(choose(how, KEYS))
        for batch in read_batches(lambda: io.BytesIO(content), "json", {}, allowance):
            puts.add(batch.records, puts.records, allowance)
        return list(puts)
    except PermanentError as error:
        return error


def judge(data: bytes, result: list[bytes] | PermanentError) -> None:
    if isinstance(result, PermanentError):
        promise_words(str(result), data)
        return
    keys = choose(split(data)[0], KEYS)
    seen = set()
    for put in result:
        item = json.loads(put)["PutRequest"]["Item"]
        seen.add(tuple(_READ[key.kind](item[key.name][key.kind]) for key in keys))
        # DynamoDB's JSON is never shorter than what DynamoDB counts.
        promise(len(put) < 20 * MAX_ITEM_BYTES, f"a put request of {len(put)} bytes")
    promise(len(seen) == len(result), "two items have the same key")
    for batch in batches(result):
        promise(len(batch) <= MAX_ITEMS, f"{len(batch)} items in a batch")
        promise(len(batch) == 1 or sum(map(len, batch)) <= MAX_BYTES, "a batch is too large")


_values = strategies.any_json
_records = strategies.json_objects(
    strategies.unicode_text, _values
) | strategies.unicode_text.flatmap(
    lambda text: _values.map(lambda value: f'{{"id":{json.dumps(text)},"at":1,"v":{value}}}')
)
_numbered = strategies.numbers.flatmap(
    lambda number: _values.map(lambda value: f'{{"id":{number},"at":"x","v":{value}}}')
)

_files = strategies.as_file(
    st.lists(_records | _numbered, min_size=1, max_size=5).map(
        lambda records: f"[{','.join(records)}]"
    )
    | strategies.any_json
)


TARGET = Target(
    work=work,
    judge=judge,
    inputs=st.builds(
        join,
        st.sampled_from(sorted(KEYS)),
        _files,
    ),
    example=b'S\n[{"id":"1","v":[1.5,{"a":null}]}]',
    known={
        "empty lists": lambda: join("S", f'[{{"id":"1","a":{strategies.repeated("[]", 4_000)}}}]'),
        "many records": lambda: join("N", f"[{','.join(f'{{"id":{n}}}' for n in range(4_000))}]"),
        "one key": lambda: join("S", strategies.repeated('{"id":"1"}', 5_000)),
        "400,000 digits": lambda: join("N", f'[{{"id":{"9" * 400_000}}}]'),
        "nested 9,993 deep": lambda: join(
            "S", f'[{{"id":"1","a":{strategies.nested(9_993, "[", "]")}}}]'
        ),
    },
    # The rest is the file itself, taken from behind the input's first line.
    bound=Bound(bytes_each=1, steps_each=8, bytes_free=_LIMIT + 256 * 1024),
    tokens=(b'"id"', b'"at"', b"1e125", b"1E-130", b"null", b"true", b'{"id":"1","v":'),
)
