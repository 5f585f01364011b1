"""Publish the metrics of queues together once a second.

LocalStack sends a request to itself for every metric of every request to a queue, which doubles the
work.
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
    """Collects metrics, and publishes those of a period with one request."""

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
        """Collect one metric; same parameters as `CloudwatchDispatcher.dispatch_sqs_metric`."""
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
    """Replace the dispatch; LocalStack fails to start if it no longer exists."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    module: Any = importlib.import_module("localstack.services.sqs.provider")
    if not hasattr(module.CloudwatchDispatcher, "dispatch_sqs_metric"):
        raise RuntimeError("localstack.services.sqs no longer has dispatch_sqs_metric")
    metrics = Metrics(module.publish_sqs_metric_batch)

    def dispatch(dispatcher: Any, **metric: Any) -> None:
        if dispatcher.running:
            metrics.take(**metric)

    module.CloudwatchDispatcher.dispatch_sqs_metric = dispatch
