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

from tools.aws_rules import context_keys

# What a request says of itself, by the key's name in lower case; an absent key was not sent.
type Context = Mapping[str, tuple[str, ...]]
type Matcher = Callable[[str, Context], bool]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAME_AND_DEFAULT = re.compile(r"([^\s,']+)(?:, '([^']*)')?")
_SPECIAL = {"*", "?", "$"}
_ARN_COLONS = 5


class PolicyError(Exception):
    """A policy or request that can't be judged; the message names the place and the reason.

    Either AWS wouldn't take it, or it uses what the evaluator doesn't know. It never guesses.
    """


class Wildcards(Enum):
    """What ``*`` and ``?`` stand for.

    NONE
        Themselves.
    STRING
        Any characters: actions, ``StringLike``.
    ARN
        Any characters within each of an ARN's six parts, of which the sixth may hold colons
        itself: the ARN condition operators.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
    RESOURCE
        As ARN, but a ``*`` at the end of a part goes on beyond the colon.
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
    """Text that stands for itself whatever it looks like: ``${*}``, ``${?}``, ``${$}``."""

    text: str


type Part = str | Fixed | Variable


@dataclass(frozen=True, slots=True)
class Template:
    """A text of a policy: what stands for itself, and the variables between."""

    source: str
    parts: tuple[Part, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the context keys that the text takes in."""
        return tuple(part.key for part in self.parts if isinstance(part, Variable))

    def resolved(self, context: Context) -> Iterator[tuple[str, bool]]:
        """Give the text in pieces, each with whether wildcards in it are wildcards.

        Raises
        ------
        PolicyError
            For a variable that the request doesn't have: such a statement "might" be invalid, says
            IAM's page. Or for a value that itself holds a wildcard, of which it says nothing.
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
    """Read a text; without `variables`, one that has any is refused.

    Raises
    ------
    PolicyError
        For a variable that is malformed or where none can stand.
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
    """Make a function that says whether a text is matched by one of the templates, once for all."""
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
        raise PolicyError(f"{found[1]} in {text!r} is not a condition key that the evaluator knows")
    if context_keys.is_multivalued(found[1]):
        raise PolicyError(f"{found[1]} can have several values and can't be in {text!r}")
    return Variable(found[1].lower(), found[2])


def _value(variable: Variable, context: Context) -> str:
    values = context.get(variable.key)
    if values is None:
        if variable.default is None:
            raise PolicyError(f"the request has no {variable.key} to put into the policy")
        return variable.default
    if "*" in values[0] or "?" in values[0]:
        raise PolicyError(f"{values!r} of {variable.key} can't be put into the policy")
    return values[0]


def _expression(pieces: Iterable[tuple[str, bool]], wildcards: Wildcards) -> str:
    """Write the pieces as a regular expression."""
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
