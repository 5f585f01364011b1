"""CloudWatch's metric math, limited to what this project's alarms use.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html. Functions and
operators that are not implemented are rejected, and so are cases that this page doesn't define.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence

type Series = Mapping[int, float]
"""A time series: values by the start of their period; a period without a value is missing."""
type Value = float | Series | list[Series]

# Operators that Python writes differently; the rest of the syntax is the same.
_SPELLINGS = {"&&": " and ", "||": " or ", "AND": " and ", "OR": " or ", "^": "**"}
_SPELLED = re.compile(r"&&|\|\||\^|\bAND\b|\bOR\b")
_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class MetricMathError(Exception):
    """An expression is invalid in CloudWatch, or uses something that is not implemented here."""


def evaluate(expression: str, metrics: Mapping[str, Series], periods: Sequence[int]) -> Series:
    """Evaluate an expression.

    Parameters
    ----------
    metrics
        The series that it can refer to, by ID.
    periods
        The starts of the requested periods, which FILL fills.

    Raises
    ------
    MetricMathError
        It can't be evaluated, or its result is not a time series.
    """
    spelled = _SPELLED.sub(lambda match: _SPELLINGS[match[0]], expression)
    try:
        tree = ast.parse(spelled.strip(), mode="eval")
    except SyntaxError as error:
        raise MetricMathError(f"{expression}: {error.msg}") from None
    result = _Evaluation(metrics, periods).of(tree.body)
    if not isinstance(result, Mapping):
        raise MetricMathError(f"{expression}: the result must be one time series")
    return result


class _Evaluation:
    def __init__(self, metrics: Mapping[str, Series], periods: Sequence[int]) -> None:
        self._metrics = metrics
        self._periods = periods

    def of(self, node: ast.expr) -> Value:  # noqa: PLR0911 (one for each kind of node)
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name) if name in self._metrics:
                return self._metrics[name]
            case ast.List(elts=members):
                return [self._series(member) for member in members]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _combine(operator.mul, -1.0, self.of(operand))
            case ast.BinOp(left=left, op=symbol, right=right) if type(symbol) in _ARITHMETIC:
                return _combine(_ARITHMETIC[type(symbol)], self.of(left), self.of(right))
            case ast.Compare(left=left, ops=[symbol], comparators=[right]) if (
                type(symbol) in _COMPARISONS
            ):
                return _combine(_COMPARISONS[type(symbol)], self.of(left), self.of(right))
            case ast.BoolOp(op=symbol, values=[left, right]):
                both = isinstance(symbol, ast.And)
                return _combine(_and if both else _or, self.of(left), self.of(right))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
        raise MetricMathError(f"not implemented: {ast.unparse(node)}")

    def _call(self, name: str, arguments: list[ast.expr]) -> Value:
        match name, arguments:
            case "SUM", [summed]:
                return _sum(self.of(summed))
            case "FILL", [filled, ast.Name(id="REPEAT")]:
                return self._repeat(self._series(filled))
            case "FILL", [filled, filler]:
                return self._fill(self._series(filled), self.of(filler))
            case "IF", [condition, chosen]:
                return _choose(self.of(condition), self.of(chosen), {})
            case "IF", [condition, chosen, otherwise]:
                return _choose(self.of(condition), self.of(chosen), self.of(otherwise))
        raise MetricMathError(f"not implemented: {name} with {len(arguments)} arguments")

    def _series(self, node: ast.expr) -> Series:
        value = self.of(node)
        if not isinstance(value, Mapping):
            raise MetricMathError(f"{ast.unparse(node)} is not one time series")
        return value

    def _fill(self, series: Series, filler: Value) -> Series:
        if not isinstance(filler, float):
            raise MetricMathError("FILL is implemented only for a number and for REPEAT")
        return {**dict.fromkeys(self._periods, filler), **series}

    def _repeat(self, series: Series) -> Series:
        filled = dict(series)
        last = None
        for period in sorted(self._periods):
            last = filled.get(period, last)
            if last is not None:
                filled[period] = last
        return filled


def _combine(function: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """Apply an operator to each value: a value that one of two series lacks counts as 0."""
    if isinstance(left, list) or isinstance(right, list):
        if isinstance(left, list) and isinstance(right, list):
            raise MetricMathError("an operator on two arrays is not implemented")
        if isinstance(left, list):
            return [_one(_combine(function, member, right)) for member in left]
        assert isinstance(right, list)  # noqa: S101 (one of the two is a list)
        return [_one(_combine(function, left, member)) for member in right]
    if isinstance(left, float) and isinstance(right, float):
        return float(function(left, right))
    periods = {*(left if isinstance(left, Mapping) else ())}
    periods |= {*(right if isinstance(right, Mapping) else ())}
    found = {}
    for period in periods:
        try:
            found[period] = float(function(_at(left, period), _at(right, period)))
        except ZeroDivisionError:
            # According to the page, such a data point is dropped.
            continue
    return found


def _one(value: Value) -> Series:
    assert isinstance(value, Mapping)  # noqa: S101 (of a series and something, a series comes)
    return value


def _at(value: float | Series, period: int) -> float:
    return value if isinstance(value, float) else value.get(period, 0.0)


def _sum(value: Value) -> Value:
    if isinstance(value, float):
        raise MetricMathError("SUM needs a time series or an array of time series")
    if isinstance(value, Mapping):
        return float(sum(value.values()))
    # A missing value counts as 0, as for + and AVG; for SUM the page doesn't define it.
    summed: dict[int, float] = {}
    for series in value:
        for period, number in series.items():
            summed[period] = summed.get(period, 0.0) + number
    return summed


def _choose(condition: Value, chosen: Value, otherwise: Value) -> Value:
    """Choose a value for each period, according to the tables in the section on IF."""
    if isinstance(chosen, list) or isinstance(otherwise, list) or isinstance(condition, list):
        raise MetricMathError("IF needs scalars and single time series")
    if isinstance(condition, float):
        return chosen if condition else otherwise
    found = {}
    for period, truth in condition.items():
        if truth:
            found[period] = _at(chosen, period)
        elif isinstance(otherwise, float):
            found[period] = otherwise
        elif period in otherwise:
            found[period] = otherwise[period]
    return found


def _and(left: float, right: float) -> bool:
    return bool(left) and bool(right)


def _or(left: float, right: float) -> bool:
    return bool(left) or bool(right)
