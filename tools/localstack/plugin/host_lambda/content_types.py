"""Content types, read once each.

Twisted parses that of every request with the email package's parser: a tenth of what LocalStack
does at all. There are a handful of different ones.
"""

import importlib
from functools import lru_cache
from typing import Any

from localstack.runtime import hooks


@hooks.on_infra_start()
def read_content_types_once() -> None:
    """Remember what was parsed; fails, and LocalStack with it, when nothing is parsed any more."""
    # Imported here, as LocalStack starts in silence without a hook that can't be imported.
    module: Any = importlib.import_module("twisted.web.http")
    module._parseContentType = lru_cache(maxsize=256)(module._parseContentType)
