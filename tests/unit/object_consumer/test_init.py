"""Init: a function waits for no module that its first file may never need."""

import subprocess
import sys

# Each takes several milliseconds, which every cold start would pay.
AVOIDED = {
    "boto3": "only keys that obstore would change, and uploads in parts, need it",
    "dataclasses": "imports inspect, and takes a millisecond a class; msgspec.Struct doesn't",
    "gzip": "ObjectStore.open imports it for a compressed object",
    "hashlib": "the ledger needs it for the longest keys",
    "inspect": "nothing needs it",
    "pathlib": "ObjectStore.download needs it",
}


def test_what_a_function_seldom_needs_is_not_imported_at_init() -> None:
    # Development tools have this package, a function's zip doesn't.
    program = (
        "import sys; sys.modules['typing_extensions'] = None; "
        "import log_events.handler; print(*sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )

    imported = done.stdout.split()
    assert "object_consumer.s3" in imported
    assert [name for name in AVOIDED if name in imported] == []
