"""Output names: natural, and never shared."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from record_formats import EXTENSIONS
from transform_objects.naming import MAX_KEY_BYTES, output_key


@pytest.mark.parametrize(
    ("key", "extension", "gzip", "expected"),
    [
        ("incoming/orders.json", ".json", False, "processed/incoming/orders.json"),
        ("incoming/orders.csv", ".json", False, "processed/incoming/orders.csv.json"),
        ("incoming/orders.json", ".jsonl", True, "processed/incoming/orders.json.jsonl.gz"),
        ("incoming/orders.csv.json", ".json", False, "processed/incoming/orders.csv.json.json"),
        ("A.JSON", ".json", False, "processed/A.JSON.json"),
        ("日本 a+b.csv", ".csv", False, "processed/日本 a+b.csv"),
    ],
)
def test_an_output_looks_like_its_source(
    key: str, extension: str, gzip: bool, expected: str
) -> None:
    assert output_key(key, "processed/", extension, gzip=gzip) == expected


_keys = st.builds(
    "".join,
    st.lists(
        st.sampled_from([*EXTENSIONS, ".gz", ".sha256", ".JSON", "a", "/", "é"]),
        min_size=1,
        max_size=5,
    ),
).map(lambda stem: stem + ".json") | st.builds(
    str.__add__, st.text(max_size=8), st.sampled_from(list(EXTENSIONS))
)


@given(_keys, _keys, st.sampled_from([".json", ".jsonl", ".csv"]), st.booleans())
def test_two_sources_never_share_an_output(
    one: str, other: str, extension: str, gzip: bool
) -> None:
    if one != other:
        assert output_key(one, "p/", extension, gzip=gzip) != output_key(
            other, "p/", extension, gzip=gzip
        )


def test_a_name_too_long_for_s3_is_replaced_by_a_digest_of_the_key() -> None:
    key = "日" * 338 + ".csv"

    name = output_key(key, "processed/", ".json")

    assert name == f"processed/{hashlib.sha256(key.encode()).hexdigest()}.sha256.json"
    longest = "k" * (MAX_KEY_BYTES - len("p/" + ".json")) + ".json"
    assert len(output_key(longest, "p/", ".json").encode()) <= MAX_KEY_BYTES


def test_the_name_of_a_digest_can_not_be_taken_by_another_source() -> None:
    key = "k" * 2000 + ".csv"
    taken = hashlib.sha256(key.encode()).hexdigest() + ".sha256.json"

    assert output_key(taken, "p/", ".json") == f"p/{taken}.json"
    assert output_key(key, "p/", ".json") == f"p/{taken}"
