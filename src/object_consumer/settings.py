"""Settings from environment variables, read once when the function's module is imported.

If a setting is missing or invalid, init fails with a message that names the variable, its value and
the valid values. A bad deployment is thus visible at the first invocation, and no message is lost.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from object_consumer.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Collection

_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no"})


def text(name: str, default: str | None = None, *, choices: Collection[str] = ()) -> str:
    """Read a setting as a string.

    An empty variable counts as missing, because Terraform can't omit a variable from a map with a
    null value.

    Parameters
    ----------
    name
        The environment variable's name.
    default
        The value if the variable is missing; without a default, the variable is required.
    choices
        The valid values; empty for any.

    Raises
    ------
    SettingError
        The variable is required and missing, or its value is not among the choices.
    """
    value = os.environ.get(name, "")
    if not value:
        if default is None:
            raise SettingError(f"environment variable {name} is required and is not set")
        return default
    if choices and value not in choices:
        raise _not_accepted(name, value, "one of " + ", ".join(sorted(choices)))
    return value


def integer(
    name: str,
    default: int | None = None,
    *,
    minimum: int | None = None,
    maximum: int | None = None,
) -> int:
    """Read a setting as an integer.

    Parameters
    ----------
    name
        The environment variable's name.
    default
        The value if the variable is missing; without a default, the variable is required.
    minimum, maximum
        The valid range, inclusive.

    Raises
    ------
    SettingError
        The variable is required and missing, or its value is not an integer in the range.
    """
    value = text(name, None if default is None else str(default))
    bounds = [
        f"at least {minimum}" if minimum is not None else "",
        f"at most {maximum}" if maximum is not None else "",
    ]
    accepted = " and ".join(["a whole number", *filter(None, bounds)])
    try:
        number = int(value)
    except ValueError:
        raise _not_accepted(name, value, accepted) from None
    if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
        raise _not_accepted(name, value, accepted)
    return number


def flag(name: str, *, default: bool | None = None) -> bool:
    """Read a setting as a boolean.

    Parameters
    ----------
    name
        The environment variable's name.
    default
        The value if the variable is missing; without a default, the variable is required.

    Raises
    ------
    SettingError
        The variable is required and missing, or its value is neither true nor false.
    """
    value = text(name, None if default is None else str(default)).lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise _not_accepted(name, value, "true or false")


def _not_accepted(name: str, value: str, accepted: str) -> SettingError:
    return SettingError(f"environment variable {name} is {value!r}; accepted: {accepted}")
