"""Wildcards in event patterns, as in EventBridge and Lambda.

An asterisk matches zero or more characters, and a backslash escapes an asterisk or a backslash.
LocalStack requires at least one character and doesn't support escapes.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import importlib
import re
from typing import Any

from localstack.runtime import hooks

_PART = re.compile(r"\\(?P<literal>[*\\])|(?P<any>\*)|(?P<character>.)", re.DOTALL)


@hooks.on_infra_start()
def match_wildcards() -> None:
    """Replace the comparison; LocalStack fails to start if it no longer exists."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    module: Any = importlib.import_module("localstack.services.events.event_rule_engine")
    if not hasattr(module.EventRuleEngine, "_evaluate_wildcard"):
        raise RuntimeError("localstack.services.events no longer has _evaluate_wildcard")
    module.EventRuleEngine._evaluate_wildcard = staticmethod(_matches)


def _matches(pattern: str, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    parts = [
        ".*" if part["any"] else re.escape(part["literal"] or part["character"])
        for part in _PART.finditer(pattern)
    ]
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None
