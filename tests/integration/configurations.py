"""What the tests apply: the root module in four pipelines, and every example."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "build" / "localstack"

EXISTING_BUCKET = "theirs-files"
OUTPUT_BUCKET = "theirs-output"

# In place of a key's ARN: the fixture makes one, whose policy is what the configuration asks for.
OWN_KEY = "made by the fixture"
# Any key will do to ask a configuration what its key's policy has to be.
ANY_KEY = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"

RELEASED: Mapping[str, Any] = {
    "released": {
        "actions": ["s3:GetObject"],
        "resources": ["arn:aws:s3:::*/released/*"],
    }
}

CONSUMERS: Mapping[str, Any] = {
    "transform": {
        "package": str(PACKAGES / "transform_objects.zip"),
        "filter": {"prefixes": ["incoming/"]},
        "output": {"prefix": "processed/"},
        "environment": {"MAX_OBJECT_BYTES": "1000000"},
        "timeout": 20,
        "batching_window_seconds": 1,
    },
    "log": {
        "package": str(PACKAGES / "log_events.zip"),
        "filter": {"prefixes": ["incoming/"]},
        "reads_files": False,
        "timeout": 20,
    },
    "fragile": {
        "package": str(PACKAGES / "transform_objects.zip"),
        "filter": {"prefixes": ["fragile/"]},
        "output": {"prefix": "fragile-processed/"},
        "timeout": 3,
        "max_receive_count": 50,
    },
    "guarded": {
        "package": str(PACKAGES / "scripted.zip"),
        "filter": {"prefixes": ["guarded/"]},
        "timeout": 5,
        "max_receive_count": 50,
        "circuit_breaker": True,
        "policy_statements": RELEASED,
    },
    "scripted": {
        "package": str(PACKAGES / "scripted.zip"),
        "filter": {"prefixes": ["scripted/"]},
        # A message that crashes the function takes the others of its batch along.
        "batch_size": 1,
        "output": {"prefix": "scripted-output/"},
        # A message whose function was killed waits six times as long. After a kill, init is part of
        # an invocation's time, and takes seconds on a loaded machine.
        "timeout": 6,
        "max_receive_count": 2,
        "policy_statements": RELEASED,
    },
}

OWN_BUCKET: Mapping[str, Any] = {
    "name": "orders",
    "kms_key_arn": OWN_KEY,
    "bucket": {"name": "orders-files", "force_destroy": True},
    "filter": {"prefixes": ["fragile/", "guarded/", "incoming/", "scripted/"]},
    "ledger": {"deletion_protection": False},
    "circuit_breaker": {
        "package": str(PACKAGES / "circuit_breaker.zip"),
        "cool_down_seconds": 86400,
    },
    "alarms": {"disabled": ["oldest_message_age", "function_errors", "function_throttles"]},
    "consumers": {
        name: {"circuit_breaker": False, **consumer} for name, consumer in CONSUMERS.items()
    },
    "alerts": {"emails": ["oncall@example.com"]},
}

ON_EXISTING_BUCKET: Mapping[str, Any] = {
    "name": "theirs",
    "bucket": {"existing": EXISTING_BUCKET, "kms_key_arn": OWN_KEY},
    "consumers": {
        "log": {"package": str(PACKAGES / "log_events.zip"), "reads_files": False},
        "transform": {
            "package": str(PACKAGES / "transform_objects.zip"),
            "filter": {"prefixes": ["incoming/"]},
            "output": {"bucket": OUTPUT_BUCKET, "prefix": "processed/", "kms_key_arn": OWN_KEY},
        },
    },
}

# Consumers of which no two want one file, so that every route can serve them.
ROUTES: Mapping[str, Any] = {
    "name": "routes",
    "kms_key_arn": OWN_KEY,
    "bucket": {"name": "routes-files", "force_destroy": True},
    "filter": {"events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]},
    "alarms": {"disabled": ["oldest_message_age", "function_errors", "function_throttles"]},
    "consumers": {
        name: {
            "package": str(PACKAGES / "log_events.zip"),
            "filter": wanted,
            "reads_files": False,
        }
        for name, wanted in {
            "copied": {"prefixes": ["copies/"], "events": ["s3:ObjectCreated:Copy"]},
            "prefixed": {
                "prefixes": ["in/", "my files/é+&=*~/"],
                "events": ["s3:ObjectCreated:*"],
            },
            "removed": {"prefixes": ["copies/"], "events": ["s3:ObjectRemoved:*"]},
            "sized": {"prefixes": ["sized/"], "min_bytes": 10, "max_bytes": 100},
            "suffixed": {"prefixes": ["by suffix/"], "suffixes": [".json", " report.csv"]},
        }.items()
    },
}

# A consumer that is switched off: its files wait in its queue.
CHANGED: Mapping[str, Any] = {
    "name": "changed",
    "bucket": {"name": "changed-files", "force_destroy": True},
    "dashboard": False,
    "consumers": {
        "before": {
            "package": str(PACKAGES / "log_events.zip"),
            "enabled": False,
            "reads_files": False,
        }
    },
}

PIPELINES = {
    "orders": OWN_BUCKET,
    "theirs": ON_EXISTING_BUCKET,
    "routes": ROUTES,
    "changed": CHANGED,
}


def _example(name: str, **variables: object) -> Mapping[str, Any]:
    """Give the variables that `make example` sets, and more where a test needs them."""
    return {
        "bucket_name": f"{name}-files",
        "force_destroy": True,
        "name": name,
        "packages": str(PACKAGES),
        **variables,
    }


ANOTHER_ACCOUNT = "222222222222"
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "buffered": _example("buffered", subscriber_accounts=[ANOTHER_ACCOUNT]),
    "eventbridge": _example("eventbridge"),
    "fan-out": _example("fan-out"),
    "load-dynamodb": _example("load-dynamodb", kms_key_arn=OWN_KEY),
    "query-parquet": _example("query-parquet"),
    "queue-direct": _example("queue-direct", emails=["oncall@example.com"]),
}
# Two configurations that know no more of `buffered` than its topic's ARN, and their accounts.
SECOND_CONSUMERS = {"second-here": None, "second-elsewhere": ANOTHER_ACCOUNT}

# What a release has applied is in an account of its own, apart from what other tests look at.
UPGRADED_ACCOUNT = "333333333333"
