"""The key of an output: unique for every source, and similar to the source's key."""

from __future__ import annotations

import hashlib

from record_formats.inputs import COMPRESSED, EXTENSIONS

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024

_SHORTENED = ".sha256"


def output_key(
    key: str,
    prefix: str,
    extension: str,
    *,
    gzip: bool = False,
    sources: tuple[str, ...] = tuple(EXTENSIONS),
) -> str:
    """Return the key of a source object's output.

    It consists of the prefix, the source's key, and the output's extension if the key doesn't have
    it: ``a.csv`` becomes ``a.csv.json`` and ``a.json`` stays ``a.json``. A key such as
    ``a.csv.json``, which could be the output of ``a.csv``, gets it twice. A key too long for S3 is
    replaced by its SHA-256, as ``<digest>.sha256.json``.

    No two sources share an output.

    Parameters
    ----------
    key
        The source's key.
    prefix
        The prefix of the outputs.
    extension
        The extension of the output's format.
    gzip
        Whether the output is compressed, and gets the extension ``.gz``.
    sources
        The extensions of the sources' keys, in lower case, which ``.gz`` may follow; an empty one
        if the keys may have any.
    """
    stem = key.removesuffix(extension)
    # A key that ends like the output of another key needs the extension.
    compressed = (f"{source}{COMPRESSED}" for source in sources)
    kept = stem != key and not stem.lower().endswith((*sources, *compressed, _SHORTENED))
    ending = ".gz" if gzip else ""
    named = f"{prefix}{key}{'' if kept else extension}{ending}"
    # A key with the ending of a digest, which only sources of any name have, could be one's output.
    if len(named.encode()) <= MAX_KEY_BYTES and not key.endswith(_SHORTENED):
        return named
    return f"{prefix}{hashlib.sha256(key.encode()).hexdigest()}{_SHORTENED}{extension}{ending}"
