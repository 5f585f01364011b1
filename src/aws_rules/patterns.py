"""Wildcards and policy variables in the text of a policy.

- Wildcards: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
- Variables: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from aws_rules import context_keys

# The context of a request, by the key's name in lower case; a missing key was not sent.
type Context = Mapping[str, tuple[str, ...]]
type Matcher = Callable[[str, Context], bool]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAME_AND_DEFAULT = re.compile(r"([^\s,']+)(?:, '([^']*)')?")
_SPECIAL = {"*", "?", "$"}
_ARN_COLONS = 5


class PolicyError(Exception):
    """A policy or request that can't be evaluated; the message names the place and the reason.

    Either AWS would reject it, or it uses something that the evaluator doesn't know.
    """


class Wildcards(Enum):
    """The meaning of ``*`` and ``?``.

    NONE
        The characters themselves.
    STRING
        Any characters: actions, ``StringLike``.
    ARN
        Any characters within each of an ARN's six parts, of which the sixth may contain colons:
        the ARN condition operators.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
    RESOURCE
        As ARN, but a ``*`` at the end of a part also matches beyond the colon.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html#reference_policies_elements_resource_wildcards
    """

    NONE = "none"
    STRING = "string"
    ARN = "arn"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Variable:
    """``${key}`` or ``${key, 'default'}``."""

    key: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Fixed:
    """Literal text: ``${*}``, ``${?}``, ``${$}``."""

    text: str


type Part = str | Fixed | Variable


@dataclass(frozen=True, slots=True)
class Template:
    """A string of a policy: literal text and variables."""

    source: str
    parts: tuple[Part, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the context keys that the string uses."""
        return tuple(part.key for part in self.parts if isinstance(part, Variable))

    def resolved(self, context: Context) -> Iterator[tuple[str, bool]]:
        """Yield the parts of the string, each with whether it may contain wildcards.

        Raises
        ------
        PolicyError
            The request has no value for a variable: according to IAM's page, such a statement
            "might" be invalid. Or a value contains a wildcard, which the page doesn't define.
        """
        for part in self.parts:
            match part:
                case str():
                    yield part, True
                case Fixed():
                    yield part.text, False
                case Variable():
                    yield _value(part, context), False


@lru_cache(maxsize=4096)
def template(text: str, *, variables: bool) -> Template:
    """Parse a string; without `variables`, policy variables are rejected.

    Raises
    ------
    PolicyError
        A variable is malformed or not allowed.
    """
    if "${" not in text:
        return Template(text, (text,))
    if not variables:
        raise PolicyError(f"{text!r} can't have a policy variable")
    parts: list[Part] = []
    end = 0
    for found in _VARIABLE.finditer(text):
        parts.append(text[end : found.start()])
        parts.append(_variable(found[1], text))
        end = found.end()
    parts.append(text[end:])
    if any(isinstance(part, str) and "${" in part for part in parts):
        raise PolicyError(f"{text!r} has a policy variable without an end")
    return Template(text, tuple(part for part in parts if part))


@lru_cache(maxsize=4096)
def matcher(
    templates: tuple[Template, ...], wildcards: Wildcards, *, ignore_case: bool = False
) -> Matcher:
    """Build a function that returns whether a text matches one of the templates."""
    exact: set[str] = set()
    fixed: list[str] = []
    open_: list[Template] = []
    for each in templates:
        if each.variables:
            open_.append(each)
            continue
        pieces = list(each.resolved({}))
        if wildcards is not Wildcards.NONE and any(
            live and ("*" in text or "?" in text) for text, live in pieces
        ):
            fixed.append(_expression(pieces, wildcards))
        else:
            text = "".join(text for text, _ in pieces)
            exact.add(text.lower() if ignore_case else text)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    expression = re.compile("|".join(fixed), flags) if fixed else None

    def matches(text: str, context: Context) -> bool:
        if (text.lower() if ignore_case else text) in exact:
            return True
        if expression is not None and expression.fullmatch(text):
            return True
        return bool(open_) and any(
            re.fullmatch(_expression(each.resolved(context), wildcards), text, flags)
            for each in open_
        )

    return matches


def _variable(inside: str, text: str) -> Fixed | Variable:
    if inside in _SPECIAL:
        return Fixed(inside)
    found = _NAME_AND_DEFAULT.fullmatch(inside)
    if found is None:
        raise PolicyError(f"{text!r} has a malformed policy variable")
    if not context_keys.is_known(found[1]):
        raise PolicyError(f"{found[1]} in {text!r}: the evaluator doesn't know this condition key")
    if context_keys.is_multivalued(found[1]):
        raise PolicyError(f"{found[1]} can have several values and can't be in {text!r}")
    return Variable(found[1].lower(), found[2])


def _value(variable: Variable, context: Context) -> str:
    values = context.get(variable.key)
    if values is None:
        if variable.default is None:
            raise PolicyError(f"the request has no {variable.key} for the policy variable")
        return variable.default
    if "*" in values[0] or "?" in values[0]:
        raise PolicyError(f"{values!r} of {variable.key} can't replace the policy variable")
    return values[0]


def _expression(pieces: Iterable[tuple[str, bool]], wildcards: Wildcards) -> str:
    """Convert the parts to a regular expression."""
    characters = [(character, live) for text, live in pieces for character in text]
    out = []
    colons = 0
    wild = wildcards is not Wildcards.NONE
    for index, (character, live) in enumerate(characters):
        within = wildcards in {Wildcards.ARN, Wildcards.RESOURCE} and colons < _ARN_COLONS
        if wild and live and character == "*":
            last = index + 1 == len(characters) or characters[index + 1][0] == ":"
            out.append(
                "[^:]*" if within and not (wildcards is Wildcards.RESOURCE and last) else ".*"
            )
        elif wild and live and character == "?":
            out.append("[^:]" if within else ".")
        else:
            colons += character == ":"
            out.append(re.escape(character))
    return "".join(out)
