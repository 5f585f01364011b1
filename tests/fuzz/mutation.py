"""Changing an input by its tokens: text in quotes, numbers, words, brackets."""

from __future__ import annotations

import re
from random import Random

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]|[^\s,:\[\]{}"]+')
# More than this is found by adding, not by changing.
_MOST_TOKENS = 5_000
_HOSTILE = (
    *(b"null", b"true", b'""', b"[]", b"{}", b"-1", b"0", b"1.0", b"1e999", b"1e-999", b"0.1"),
    *(b'"\\ud800"', b'"\\u0000"', b'"\\u001b[2J"', b'"@127.0.0.1:1/"', b'"../"', b'"a":1,"a":1'),
    *(b"9" * 39, b"9" * 4301, b"[" * 1_000 + b"]" * 1_000, b"[" * 9_993 + b"]" * 9_993),
    *(b'{"a":' * 500 + b"1" + b"}" * 500, b"," * 100, b'"' + b"x" * 2_000 + b'"', b"\n"),
)


def mutate(data: bytes, tokens: tuple[bytes, ...], random: Random) -> bytes:
    """Change one token: put another in its place, leave it out, or write it again.

    Parameters
    ----------
    data
        An input.
    tokens
        Words that the target looks for.
    random
        The source of chance.
    """
    found = list(_TOKEN.finditer(data[: 64 * _MOST_TOKENS]))[:_MOST_TOKENS]
    if not found:
        return random.choice(_HOSTILE)
    one = random.choice(found)
    match random.randrange(5):
        case 0:
            new = random.choice(_HOSTILE)
        case 1:
            new = random.choice(tokens or _HOSTILE)
        case 2:
            new = random.choice(found)[0]
        case 3:
            new = b""
        case _:
            new = b",".join([one[0]] * random.choice([2, 3, 50]))
    return data[: one.start()] + new + data[one.end() :]
