"""Report an event source mapping as ``Disabled`` only after its last poll, as Lambda does.

LocalStack replaces the worker of an updated mapping, and the new one is ``Disabled`` at once. The
old one still takes the messages of its open poll, and waits for the function.
https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html
"""

import importlib
import threading
from typing import Any

from localstack.runtime import hooks


@hooks.on_infra_start()
def disable_after_last_poll() -> None:
    """Wait for the old worker; LocalStack fails to start if its workers have changed."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    module: Any = importlib.import_module(
        "localstack.services.lambda_.event_source_mapping.esm_worker"
    )
    worker, state = module.EsmWorker, module.EsmState
    stop, create = worker.stop, worker.create
    # The polling threads of replaced workers, by the mapping's UUID.
    stopping: dict[str, Any] = {}

    def remember(self: Any) -> None:
        stop(self)
        thread = self._poller_thread
        if thread is not None and thread.is_alive():
            stopping[self.uuid] = thread

    def create_after(self: Any) -> None:
        polling = stopping.pop(self.uuid, None)
        if self.enabled or polling is None:
            create(self)
            return
        with self._state_lock:
            self.current_state = state.DISABLING
            self.state_transition_reason = self.user_state_reason
        self.update_esm_state_in_store(state.DISABLING)

        def finish() -> None:
            polling.join()
            # A later update replaces this worker, and stops it.
            if not self._shutdown_event.is_set():
                create(self)

        threading.Thread(target=finish, name=f"disable-{self.uuid}", daemon=True).start()

    worker.stop, worker.create = remember, create_after
