"""Where outputs go: never into a loop, and always with their source."""

import pytest

from object_consumer import PermanentError, SettingError
from object_consumer.destination import Destination, load_destination, source_metadata
from object_consumer.testing import BUCKET, make_event


def test_a_destination_is_read_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUTPUT_BUCKET", raising=False)
    with pytest.raises(SettingError, match="OUTPUT_BUCKET is required"):
        load_destination()

    monkeypatch.setenv("OUTPUT_BUCKET", BUCKET)
    monkeypatch.setenv("OUTPUT_PREFIX", "processed/")

    assert load_destination() == Destination(BUCKET, "processed/")


@pytest.mark.parametrize(
    ("prefix", "key", "advice"),
    [
        ("processed/", "processed/a.json", "choose another OUTPUT_PREFIX"),
        ("", "a.json", "set OUTPUT_PREFIX, or another OUTPUT_BUCKET"),
    ],
)
def test_an_object_under_the_prefix_is_refused(prefix: str, key: str, advice: str) -> None:
    with pytest.raises(PermanentError, match="in a loop") as caught:
        Destination(BUCKET, prefix).refuse_own(make_event(key))
    assert advice in str(caught.value)


def test_an_object_elsewhere_is_accepted() -> None:
    Destination(BUCKET, "processed/").refuse_own(make_event("incoming/a.json"))
    Destination("another").refuse_own(make_event("a.json"))


def test_an_output_names_its_source_and_its_version() -> None:
    versioned = make_event("é a.csv", version_id="3sL4", etag="9b2c")

    assert source_metadata(versioned) == {
        "source": f"s3://{BUCKET}/%C3%A9%20a.csv",
        "source-version": "3sL4",
    }
    assert source_metadata(make_event("a", etag="9b2c"))["source-version"] == "9b2c"


def test_a_source_too_long_for_metadata_is_omitted() -> None:
    assert source_metadata(make_event("é" * 512)) == {"source-version": ""}
