"""Where an output goes: a name of its own for every source, that still looks like the source."""

from __future__ import annotations

import hashlib

from record_formats import EXTENSIONS

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024

_SHORTENED = ".sha256"


def output_key(key: str, prefix: str, extension: str, *, gzip: bool = False) -> str:
    """Name the output of a source object.

    The source's key is kept whole behind the prefix. The output's extension is added, except where
    the key has it already: ``a.csv`` gives ``a.csv.json`` and ``a.json`` stays ``a.json``. Only a
    key such as ``a.csv.json``, whose place could be the output's of ``a.csv``, gets it twice. A
    name too long for S3 is replaced by the SHA-256 of the key, as ``<digest>.sha256.json``.

    No two keys that `record_formats.input_format` accepts share an output.
    """
    stem = key.removesuffix(extension)
    # What already ends like the output of another key can't be kept.
    kept = stem != key and not stem.lower().endswith((*EXTENSIONS, _SHORTENED))
    ending = ".gz" if gzip else ""
    named = f"{prefix}{key}{'' if kept else extension}{ending}"
    if len(named.encode()) <= MAX_KEY_BYTES:
        return named
    return f"{prefix}{hashlib.sha256(key.encode()).hexdigest()}{_SHORTENED}{extension}{ending}"
