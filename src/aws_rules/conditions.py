"""A policy's conditions.

- Operators: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
- Several keys and values:
  https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
- ``ForAllValues`` and ``ForAnyValue``:
  https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from aws_rules import context_keys
from aws_rules.patterns import (
    Context,
    Matcher,
    PolicyError,
    Template,
    Wildcards,
    matcher,
    template,
)

# The first version of the policy language that has variables.
VERSION = "2012-10-17"
_OPERATOR = re.compile(r"(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?")
_ARN = re.compile(r"arn(:[^:]*){4}:.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one key, as a policy states it.

    Attributes
    ----------
    operator
        With its qualifiers, such as ``ForAllValues:StringEqualsIfExists``.
    values
        One of them must match; for a negated operator, none of them may match.
    version
        The policy's Version; policy variables need 2012-10-17.
    """

    operator: str
    key: str
    values: tuple[str, ...]
    version: str
    _matches: Callable[[Context], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            matches = _compiled(self.operator, self.key.lower(), self.values, self.version)
        except PolicyError as error:
            raise PolicyError(f"{self}: {error}") from error
        object.__setattr__(self, "_matches", matches)

    def matches(self, context: Context) -> bool:
        """Return whether the request's context meets the condition.

        Raises
        ------
        PolicyError
            A variable can't be resolved.
        """
        return self._matches(context)

    @property
    def negated(self) -> bool:
        """Whether additional values restrict the condition, as for ``StringNotEquals``."""
        found = _OPERATOR.fullmatch(self.operator)
        return found is not None and found[2] in _NEGATED

    def __str__(self) -> str:
        return f"{self.operator} {self.key}"


@lru_cache(maxsize=4096)
def _compiled(
    stated: str, key: str, values: tuple[str, ...], version: str
) -> Callable[[Context], bool]:
    found = _OPERATOR.fullmatch(stated)
    if found is None or (found[2] not in _OPERATORS and found[2] != "Null"):
        raise PolicyError("the evaluator doesn't support this operator")
    quantifier, name, if_exists = found[1], found[2], found[3] is not None
    if not context_keys.is_known(key):
        raise PolicyError("the evaluator doesn't know this condition key")
    if not values:
        raise PolicyError("has no value")
    if name == "Null":
        if quantifier or if_exists:
            raise PolicyError("Null supports neither a set operator nor IfExists")
        return _null(key, values)
    if quantifier is None and context_keys.is_multivalued(key):
        raise PolicyError("the key can have several values and needs ForAllValues or ForAnyValue")
    if quantifier == "ForAnyValue" and if_exists:
        raise PolicyError("AWS doesn't document ForAnyValue with IfExists for a missing key")
    negated = name in _NEGATED
    build, variables = _OPERATORS[name]
    one = build(tuple(template(value, variables=variables) for value in values))
    if version != VERSION and any("${" in value for value in values):
        raise PolicyError(f"a policy variable needs Version {VERSION}")

    def single(context: Context) -> bool:
        sent = context.get(key)
        if not sent:
            return negated or if_exists
        return one(sent[0], context) is not negated

    def every(context: Context) -> bool:
        # True also if the values resolve "to a null dataset, such as an empty string".
        sent = context.get(key, ())
        return not any(sent) or all(one(value, context) is not negated for value in sent)

    def some(context: Context) -> bool:
        sent = context.get(key, ())
        return any(sent) and any(one(value, context) is not negated for value in sent)

    return {None: single, "ForAllValues": every, "ForAnyValue": some}[quantifier]


def _null(key: str, values: tuple[str, ...]) -> Callable[[Context], bool]:
    if any(value not in {"true", "false"} for value in values):
        raise PolicyError("the value must be true or false")
    wanted = {value == "true" for value in values}
    return lambda context: (not context.get(key)) in wanted


type _Values = tuple[Template, ...]


def _string_equals(values: _Values) -> Matcher:
    return matcher(values, Wildcards.NONE)


def _string_equals_ignore_case(values: _Values) -> Matcher:
    return matcher(values, Wildcards.NONE, ignore_case=True)


def _string_like(values: _Values) -> Matcher:
    return matcher(values, Wildcards.STRING)


def _arn_like(values: _Values) -> Matcher:
    for value in values:
        if not value.variables and not _ARN.fullmatch(value.source):
            raise PolicyError(f"{value.source!r} is not an ARN: six parts, the first is arn")
    return matcher(values, Wildcards.ARN)


def _bool(values: _Values) -> Matcher:
    for value in values:
        if not value.variables and value.source.lower() not in {"true", "false"}:
            raise PolicyError(f"{value.source!r} is neither true nor false")
    return matcher(values, Wildcards.NONE, ignore_case=True)


def _compared[T](
    read: Callable[[str], T], compare: Callable[[T, T], bool]
) -> Callable[[_Values], Matcher]:
    """Build a comparison of values that `read` parses; it raises ValueError for invalid ones."""

    def build(values: _Values) -> Matcher:
        try:
            wanted = [read(value.source) for value in values]
        except ValueError as error:
            raise PolicyError(f"a value is invalid: {error}") from error

        def matches(text: str, _: Context) -> bool:
            try:
                value = read(text)
            except ValueError as error:
                raise PolicyError(f"the request's value is invalid: {error}") from error
            return any(compare(value, each) for each in wanted)

        return matches

    return build


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{text!r} is not a number")
    return number


def _date(text: str) -> datetime:
    if re.fullmatch(r"\d+", text) and len(text) != len("2020"):
        return datetime.fromtimestamp(int(text), UTC)
    if re.fullmatch(r"\d{4}(-\d\d)?", text):
        text = f"{text}-01" if "-" in text else f"{text}-01-01"
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{text!r} is not base64: {error}") from error


type _Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(text: str) -> _Network:
    return ipaddress.ip_network(text, strict=False)


def _inside(address: _Network, network: _Network) -> bool:
    match address, network:
        case (ipaddress.IPv4Network(), ipaddress.IPv4Network()):
            return address.subnet_of(network)
        case (ipaddress.IPv6Network(), ipaddress.IPv6Network()):
            return address.subnet_of(network)
    return False


# For each operator, how values are compared and whether they may contain policy variables.
_OPERATORS: dict[str, tuple[Callable[[_Values], Matcher], bool]] = {
    "StringEquals": (_string_equals, True),
    "StringEqualsIgnoreCase": (_string_equals_ignore_case, True),
    "StringLike": (_string_like, True),
    "ArnEquals": (_arn_like, True),
    "ArnLike": (_arn_like, True),
    "Bool": (_bool, True),
    "NumericEquals": (_compared(_number, operator.eq), False),
    "NumericLessThan": (_compared(_number, operator.lt), False),
    "NumericLessThanEquals": (_compared(_number, operator.le), False),
    "NumericGreaterThan": (_compared(_number, operator.gt), False),
    "NumericGreaterThanEquals": (_compared(_number, operator.ge), False),
    "DateEquals": (_compared(_date, operator.eq), False),
    "DateLessThan": (_compared(_date, operator.lt), False),
    "DateLessThanEquals": (_compared(_date, operator.le), False),
    "DateGreaterThan": (_compared(_date, operator.gt), False),
    "DateGreaterThanEquals": (_compared(_date, operator.ge), False),
    "BinaryEquals": (_compared(_bytes, operator.eq), False),
    "IpAddress": (_compared(_network, _inside), False),
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
}
_OPERATORS |= {name: _OPERATORS[positive] for name, positive in _NEGATED.items()}
