"""Wildcards of event patterns as EventBridge and Lambda read them.

An asterisk stands for any characters, none included, and a backslash makes an asterisk or a
backslash a character; LocalStack wants at least one character and knows no escape.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import importlib
import re
from typing import Any

from localstack.runtime import hooks

_PART = re.compile(r"\\(?P<literal>[*\\])|(?P<any>\*)|(?P<character>.)", re.DOTALL)


@hooks.on_infra_start()
def match_wildcards() -> None:
    """Replace the comparison; fails, and LocalStack with it, when it is not there any more."""
    # Imported here, as LocalStack starts in silence without a hook that can't be imported.
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
