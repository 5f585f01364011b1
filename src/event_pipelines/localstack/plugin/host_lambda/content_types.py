"""Cache parsed content types.

Twisted parses the content type of every request with the email package, which takes a tenth of
LocalStack's CPU time. There are only a few different ones.
"""

import importlib
from functools import lru_cache
from typing import Any

from localstack.runtime import hooks


@hooks.on_infra_start()
def read_content_types_once() -> None:
    """Cache the parser's results; LocalStack fails to start if the parser no longer exists."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    module: Any = importlib.import_module("twisted.web.http")
    module._parseContentType = lru_cache(maxsize=256)(module._parseContentType)
