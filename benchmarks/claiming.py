"""The requests and the time for each object with idempotent processing.

Runs in a separate process: ``python -m benchmarks.claiming NAME OBJECTS RUNS`` prints the seconds
of each run and the requests of one object as JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

PEER, OURS = "Powertools idempotency", "the ledger"
# One write before the function, one after it.
REQUESTS = 2
CONSUMER = "orders/load"

type Process = Callable[[int], object]


def powertools(client: Any) -> Process:
    """Wrap a function as in Powertools' documentation."""
    from aws_lambda_powertools.utilities.idempotency import (  # noqa: PLC0415 (its own imports)
        DynamoDBPersistenceLayer,
        IdempotencyConfig,
        idempotent_function,
    )

    store = DynamoDBPersistenceLayer(table_name="ledger", boto3_client=client)

    @idempotent_function(  # type: ignore[untyped-decorator]
        data_keyword_argument="number",
        config=IdempotencyConfig(use_local_cache=False),
        persistence_store=store,
    )
    def process(number: int) -> dict[str, int]:
        return {"number": number}

    return lambda number: process(number=number)


def ledger(client: Any) -> Process:
    """Claim and complete, as the runtime does before and after a consumer's function."""
    from object_consumer.dynamodb_ledger import DynamoDBLedger  # noqa: PLC0415
    from object_consumer.testing import make_event  # noqa: PLC0415

    claims = DynamoDBLedger("ledger", CONSUMER, days=90, client=lambda: client)

    def process(number: int) -> None:
        event = make_event(f"incoming/{number}", version_id=str(number))
        claim = claims.claim(event, seconds=30, attempts=1, request_id="benchmark")
        claims.complete(claim, {"number": number})

    return process


CONTENDERS = {PEER: powertools, OURS: ledger}


def measure(name: str, objects: int, runs: int) -> dict[str, object]:
    """Process objects one after the other, in a warm process."""
    import boto3  # noqa: PLC0415

    client = boto3.client("dynamodb", region_name=os.environ["AWS_REGION"])
    requests = [0]

    def count(**_named: object) -> None:
        requests[0] += 1

    client.meta.events.register("before-call.dynamodb", count)
    process = CONTENDERS[name](client)
    process(0)
    requests[0] = 0
    seconds = []
    for run in range(runs):
        began = time.perf_counter()
        for number in range(objects):
            process(1 + run * objects + number)
        seconds.append(time.perf_counter() - began)
    return {"seconds": seconds, "requests": requests[0] / (runs * objects)}


if __name__ == "__main__":
    contender, *numbers = sys.argv[1:]
    json.dump(measure(contender, *map(int, numbers)), sys.stdout)
