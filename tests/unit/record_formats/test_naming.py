"""Output names: natural, and never shared."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from record_formats import EXTENSIONS, output_key
from record_formats.naming import MAX_KEY_BYTES


@pytest.mark.parametrize(
    ("key", "extension", "gzip", "expected"),
    [
        ("incoming/orders.json", ".json", False, "processed/incoming/orders.json"),
        ("incoming/orders.csv", ".json", False, "processed/incoming/orders.csv.json"),
        ("incoming/orders.json", ".jsonl", True, "processed/incoming/orders.json.jsonl.gz"),
        ("incoming/orders.csv.json", ".json", False, "processed/incoming/orders.csv.json.json"),
        ("A.JSON", ".json", False, "processed/A.JSON.json"),
        ("日本 a+b.csv", ".csv", False, "processed/日本 a+b.csv"),
        ("orders.csv.gz", ".csv", False, "processed/orders.csv.gz.csv"),
        ("orders.csv.gz", ".csv", True, "processed/orders.csv.gz.csv.gz"),
        ("orders.csv.GZ.csv", ".csv", False, "processed/orders.csv.GZ.csv.csv"),
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
    "{}{}{}".format,
    st.text(max_size=8),
    st.sampled_from(list(EXTENSIONS)),
    st.sampled_from(["", "", ".gz", ".GZ"]),
)


@given(_keys, _keys, st.sampled_from([".json", ".jsonl", ".csv"]), st.booleans())
def test_two_sources_never_share_an_output(
    one: str, other: str, extension: str, gzip: bool
) -> None:
    if one != other:
        assert output_key(one, "p/", extension, gzip=gzip) != output_key(
            other, "p/", extension, gzip=gzip
        )


@given(_keys, st.sampled_from([".json", ".jsonl", ".csv"]), st.booleans())
def test_a_source_named_like_the_output_of_another_has_an_output_of_its_own(
    key: str, extension: str, gzip: bool
) -> None:
    assert output_key(key, "p/", extension, gzip=gzip) != output_key(
        key + extension, "p/", extension, gzip=gzip
    )


_any_keys = st.builds(
    "".join,
    st.lists(st.sampled_from([".parquet", ".gz", ".sha256", ".csv", "a"]), min_size=1, max_size=5),
)


@given(_any_keys, _any_keys, st.sampled_from([".parquet", ".csv"]))
def test_two_sources_of_any_name_never_share_an_output(
    one: str, other: str, extension: str
) -> None:
    if one != other:
        assert output_key(one, "p/", extension, sources=("",)) != output_key(
            other, "p/", extension, sources=("",)
        )


def test_a_source_named_like_a_digest_has_another_output_than_its_owner() -> None:
    key = "k" * 2000
    digest = hashlib.sha256(key.encode()).hexdigest() + ".sha256"

    assert output_key(key, "p/", ".csv", sources=("",)) == f"p/{digest}.csv"
    assert output_key(digest, "p/", ".csv", sources=("",)) != f"p/{digest}.csv"


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
