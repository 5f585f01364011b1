"""Store objects in the instance's own folder: LocalStack uses one folder for all instances."""

import importlib
import os
from typing import Any

from localstack.runtime import hooks


@hooks.on_infra_start()
def keep_objects_apart() -> None:
    """Move the storage to S3_DIR; fails if LocalStack no longer has this setting."""
    provider: Any = importlib.import_module("localstack.services.s3.provider")
    if not hasattr(provider, "DEFAULT_S3_TMP_DIR"):
        raise RuntimeError("localstack.services.s3.provider no longer has DEFAULT_S3_TMP_DIR")
    provider.DEFAULT_S3_TMP_DIR = os.environ["S3_DIR"]
