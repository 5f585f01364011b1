"""Metrics of queues, together once a second.

LocalStack makes a request to itself for every metric of every request to a queue, which is as much
work again as the queue's own.
"""

import importlib
import queue
import threading
import time
from typing import Any

from localstack.runtime import hooks

PERIOD_SECONDS = 1.0

type Place = tuple[str, str]


class Metrics:
    """Takes metrics one by one and publishes what has come in a period with one request."""

    def __init__(self, publish: Any) -> None:
        self._publish = publish
        self._taken: queue.SimpleQueue[tuple[Place, dict[str, Any]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="queue-metrics", daemon=True).start()

    def take(
        self,
        account_id: str,
        region: str,
        queue_name: str,
        metric: str,
        value: float = 1,
        unit: str = "Count",
    ) -> None:
        """Take one metric, as `CloudwatchDispatcher.dispatch_sqs_metric` does."""
        data = {"MetricName": metric, "QueueName": queue_name, "Value": value, "Unit": unit}
        self._taken.put(((account_id, region), data))

    def _run(self) -> None:
        while True:
            place, data = self._taken.get()
            time.sleep(PERIOD_SECONDS)
            batches = {place: [data]}
            while not self._taken.empty():
                place, data = self._taken.get()
                batches.setdefault(place, []).append(data)
            for (account, region), batch in batches.items():
                self._publish(account_id=account, region=region, sqs_metric_batch_data=batch)


@hooks.on_infra_start()
def publish_queue_metrics_together() -> None:
    """Replace the dispatch; fails, and LocalStack with it, when it is not there any more."""
    # Imported here, as LocalStack starts in silence without a hook that can't be imported.
    module: Any = importlib.import_module("localstack.services.sqs.provider")
    if not hasattr(module.CloudwatchDispatcher, "dispatch_sqs_metric"):
        raise RuntimeError("localstack.services.sqs no longer has dispatch_sqs_metric")
    metrics = Metrics(module.publish_sqs_metric_batch)

    def dispatch(dispatcher: Any, **metric: Any) -> None:
        if dispatcher.running:
            metrics.take(**metric)

    module.CloudwatchDispatcher.dispatch_sqs_metric = dispatch
