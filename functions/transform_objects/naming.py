"""The key of an output: unique for every source, and similar to the source's key."""

from __future__ import annotations

import hashlib

from record_formats import EXTENSIONS

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024

_SHORTENED = ".sha256"


def output_key(key: str, prefix: str, extension: str, *, gzip: bool = False) -> str:
    """Return the key of a source object's output.

    It consists of the prefix, the source's key, and the output's extension if the key doesn't have
    it: ``a.csv`` becomes ``a.csv.json`` and ``a.json`` stays ``a.json``. A key such as
    ``a.csv.json``, which could be the output of ``a.csv``, gets it twice. A key too long for S3 is
    replaced by its SHA-256, as ``<digest>.sha256.json``.

    No two keys that `record_formats.input_format` accepts share an output.
    """
    stem = key.removesuffix(extension)
    # A key that ends like the output of another key needs the extension.
    kept = stem != key and not stem.lower().endswith((*EXTENSIONS, _SHORTENED))
    ending = ".gz" if gzip else ""
    named = f"{prefix}{key}{'' if kept else extension}{ending}"
    if len(named.encode()) <= MAX_KEY_BYTES:
        return named
    return f"{prefix}{hashlib.sha256(key.encode()).hexdigest()}{_SHORTENED}{extension}{ending}"
