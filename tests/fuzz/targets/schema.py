"""Records held against a JSON Schema: they pass, or an error names record, path and rule."""

from __future__ import annotations

import io
import json

from hypothesis import strategies as st

from object_consumer import PermanentError
from object_consumer.memory import Allowance
from record_formats import read_records
from tests.fuzz import strategies
from tests.fuzz.metering import Bound
from tests.fuzz.target import Target, choose, join, promise_words, split
from transform_objects.schema import make_schema

_DOCUMENTS: dict[str, object] = {
    "unique": {"uniqueItems": True, "items": {"uniqueItems": True}},
    "multiple": {
        "multipleOf": 0.01,
        "items": {"multipleOf": 7},
        "additionalProperties": {"multipleOf": 1e-9},
    },
    "pattern": {
        "pattern": "^[a-z]+(-[a-z]+)*$",
        "items": {"pattern": "^a"},
        "additionalProperties": {"pattern": "é$", "minLength": 2, "maxLength": 9},
    },
    "object": {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": ["integer", "string"]},
            "price": {"type": "number", "exclusiveMinimum": 0},
            "kind": {"enum": ["a", 1.0, None]},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "maxItems": 100},
        },
        "additionalProperties": False,
        "$defs": {"line": {"const": {"n": 1.5}}},
    },
    "tree": {"items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}, "maxProperties": 3},
    "any of": {"anyOf": [{"type": "array", "contains": {"const": 1}}, {"type": "integer"}]},
}
_SCHEMAS = {name: make_schema(json.dumps(one).encode()) for name, one in _DOCUMENTS.items()}

# Bytes that a file may take beside itself.
_LIMIT = 8 * 1024 * 1024


def work(data: bytes) -> PermanentError | RecursionError | None:
    how, content = split(data)
    allowance = Allowance(_LIMIT)
    try:
        records = read_records(lambda: io.BytesIO(content), "jsonl", {}, allowance)
        choose(how, _SCHEMAS).validate(records, allowance)
    except (PermanentError, RecursionError) as error:
        # transform_objects makes a permanent error of records that are too deep to be checked.
        return error
    return None


def judge(data: bytes, error: PermanentError | RecursionError | None) -> None:
    if isinstance(error, PermanentError):
        promise_words(str(error), data)


def _numbered(value: str, count: int) -> str:
    """Write an array of values that differ by a number."""
    return f"[{','.join(value.replace('N', str(number)) for number in range(count))}]"


_unique = st.builds(
    _numbered,
    st.sampled_from(["N", '{"a":N}', "[N]", '"N"', "N.0", '{"N":[1]}']),
    st.sampled_from([2, 30, 400]),
)
_lines = st.lists(strategies.any_json | _unique, min_size=1, max_size=4).map("\n".join)

TARGET = Target(
    work=work,
    judge=judge,
    inputs=st.builds(
        join,
        st.sampled_from(sorted(_SCHEMAS)),
        strategies.as_file(_lines),
    ),
    example=b'object\n{"id":1,"price":1.50}\n',
    known={
        "2,000 objects": lambda: join("unique", _numbered('{"a":N}', 2_000)),
        "2,000 lists of numbers": lambda: join("unique", _numbered("[N.0,N]", 2_000)),
        "400,000 digits": lambda: join("multiple", f"[{'7' * 400_000}]"),
        "exponents": lambda: join("multiple", "[1e999999999,1e-999999999,7e99999]"),
        "a long text": lambda: join("pattern", f'["{"a" * 100_000}!"]'),
        "nested 9,993 deep": lambda: join("tree", strategies.nested(9_993, "[", "]")),
    },
    # jsonschema goes as deep as Python lets it, with several frames for each level.
    bound=Bound(bytes_each=1, steps_each=100, bytes_free=_LIMIT + 4 * 1024 * 1024),
    tokens=(b'"id"', b'"price"', b'"kind"', b'"lines"', b"1.50", b"1e-9", b"-a", b"[[1],[1.0]]"),
)
