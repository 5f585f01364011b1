"""Compressed files: members, damage, decompression bombs, and what is not compressed."""

import gzip
import random

import pytest

from object_consumer import ObjectTooLargeError, PermanentError, gzip_reader
from object_consumer.gzip_reader import CompressionError
from object_consumer.testing import MemoryStore

CONTENT = b"".join(b'{"id":%d}\n' % number for number in range(5000))


def read(body: bytes, key: str = "a.jsonl", **options: str) -> bytes:
    files = MemoryStore()
    with files.open(files.upload(key, body, **options)) as file:
        return file.read()


@pytest.mark.parametrize("key", ["a.jsonl.gz", "a.jsonl", "a"])
@pytest.mark.parametrize("encoding", [None, "gzip", "GZIP", "aws-chunked", "aws-chunked, gzip"])
def test_the_first_bytes_decide_whether_content_is_compressed(
    key: str, encoding: str | None
) -> None:
    options = {} if encoding is None else {"content_encoding": encoding}

    assert read(gzip.compress(CONTENT), key, **options) == CONTENT
    assert read(CONTENT, key, **options) == CONTENT
    assert read(b"", key, **options) == b""


def test_content_is_read_as_it_is_stored_if_asked() -> None:
    files = MemoryStore()
    body = gzip.compress(CONTENT)

    with files.open(files.upload("a.gz", body), decompress=False) as file:
        assert file.read() == body


def test_a_file_may_have_several_members_and_zeros_after_them() -> None:
    parts = [CONTENT[:7], b"", CONTENT[7:30_000], CONTENT[30_000:]]

    assert read(b"".join(map(gzip.compress, parts))) == CONTENT
    assert read(b"".join(map(gzip.compress, parts)) + b"\0" * 100_000) == CONTENT
    assert read(gzip.compress(b"")) == b""


def test_an_incomplete_file_is_a_permanent_error_wherever_it_ends() -> None:
    body = gzip.compress(CONTENT[:200])

    for end in range(3, len(body)):
        with pytest.raises(CompressionError, match=rf"is incomplete: .* ends after {end} bytes"):
            read(body[:end])


def test_a_damaged_file_is_a_permanent_error() -> None:
    body = gzip.compress(random.Random(1).randbytes(500))  # noqa: S311
    for position in (3, len(body) // 2, len(body) - 8, len(body) - 1):
        damaged = bytearray(body)
        damaged[position] ^= 0xFF
        with pytest.raises(CompressionError, match=r"a\.jsonl is (damaged|incomplete)"):
            read(bytes(damaged))
    with pytest.raises(CompressionError, match="is damaged"):
        read(body + b"other content")


def test_a_decompression_bomb_is_a_permanent_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gzip_reader, "_FREE_BYTES", 1_000_000)
    bomb = gzip.compress(bytes(10_000_000))

    with pytest.raises(CompressionError, match="expands to more than 500 times its size"):
        read(bomb)
    # The same ratio in a small file, and a usual one in a large file.
    assert read(gzip.compress(bytes(900_000))) == bytes(900_000)
    usual = CONTENT * 30
    assert read(gzip.compress(usual)) == usual


def test_the_limit_applies_to_the_decompressed_bytes() -> None:
    files = MemoryStore()
    event = files.upload("a.gz", gzip.compress(CONTENT))

    with files.open(event, max_bytes=len(CONTENT)) as file:
        assert file.read() == CONTENT
    with (
        files.open(event, max_bytes=len(CONTENT) - 1) as file,
        pytest.raises(ObjectTooLargeError, match="bytes when it is decompressed"),
    ):
        file.read()


def test_other_encodings_are_refused_by_name() -> None:
    for encoding in ("br", "zstd", "gzip, br"):
        with pytest.raises(PermanentError, match="not supported: upload it uncompressed"):
            read(CONTENT, content_encoding=encoding)


def test_any_position_of_a_compressed_file_can_be_read() -> None:
    files, choose = MemoryStore(), random.Random(3)  # noqa: S311
    with files.open(files.upload("a", gzip.compress(CONTENT))) as file:
        for _ in range(20):
            position = choose.randrange(len(CONTENT) + 10)
            assert file.seek(position) == min(position, len(CONTENT))
            assert file.read(5) == CONTENT[position : position + 5]
        assert file.seek(0, 2) == len(CONTENT)
        assert file.read() == b""
        assert file.seek(-5, 1) == len(CONTENT) - 5
        assert file.read() == CONTENT[-5:]


def test_memory_is_bounded_by_what_is_asked_for() -> None:
    files = MemoryStore()
    with files.open(files.upload("a", gzip.compress(bytes(50_000_000)))) as file:
        assert len(file.raw.read(1000) or b"") <= 1000
