"""Dead-letter queues of EventBridge targets: LocalStack only logs undeliverable events.

An event goes to the target's queue at once if a retry can't help: EventBridge has no permission, or
the target doesn't exist. Throttling and service errors are retried according to the target's retry
policy. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
"""

import functools
import importlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from localstack.runtime import hooks

LOG = logging.getLogger(__name__)

# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html
DEFAULT_RETRIES = 185
DEFAULT_AGE_SECONDS = 86_400
# Between two attempts. AWS doesn't document EventBridge's delays; tests wait for these.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 30.0

# The page on dead-letter queues lists these codes, but not which service error maps to which.
_THROTTLED = {"Throttling", "ThrottlingException", "TooManyRequestsException", "KmsThrottled"}
_DENIED = {
    *("AccessDenied", "AccessDeniedException", "AuthorizationError", "InvalidSecurity"),
    *("KMS.AccessDeniedException", "KMSAccessDenied", "KMSAccessDeniedException"),
    *("KmsAccessDenied", "UnauthorizedOperation"),
}
_GONE = {
    *("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
    *("NotFound", "NotFoundException", "ResourceNotFoundException"),
}


@hooks.on_infra_start()
def keep_undelivered_events() -> None:
    """Intercept failed deliveries."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    sender: Any = importlib.import_module("localstack.services.events.target").TargetSender
    connect_to: Any = importlib.import_module("localstack.aws.connect").connect_to
    url_of: Any = importlib.import_module("localstack.utils.aws.arns").sqs_queue_url_for_arn
    written: Any = importlib.import_module("localstack.services.events.utils").to_json_str
    original = sender.process_event

    def keep(self: Any, event: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        queue = (self.target.get("DeadLetterConfig") or {}).get("Arn")
        if queue is None:
            return
        # EventBridge sends to this queue as a service, not with the target's role.
        factory = connect_to(aws_access_key_id=self.account_id, region_name=self.region)
        sqs = factory.sqs.request_metadata(service_principal="events", source_arn=self.rule_arn)
        try:
            sqs.send_message(
                QueueUrl=url_of(queue),
                MessageBody=written({k: v for k, v in event.items() if k != "event-bus-name"}),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in attributes.items()
                },
            )
        except ClientError as error:
            # As on AWS: the event is lost, and InvocationsFailedToBeSentToDlq counts it.
            LOG.warning("%s can't send an event to %s: %s", self.rule_arn, queue, error)

    @functools.wraps(original)
    def process(self: Any, event: Mapping[str, Any], trace_header: Any) -> None:
        def deliver() -> None:
            original(self, dict(event), trace_header)

        def go_on(error: Exception) -> None:
            failure = try_again(deliver, error, self.target.get("RetryPolicy") or {})
            if failure is not None:
                arns = {"RULE_ARN": self.rule_arn, "TARGET_ARN": self.target["Arn"]}
                keep(self, event, arns | failure)

        try:
            deliver()
        except (ClientError, BotoCoreError) as error:
            # The caller logs the error, and continues with other rules.
            threading.Thread(target=go_on, args=(error,), daemon=True).start()
            raise

    sender.process_event = process


def try_again(
    deliver: Callable[[], None],
    error: Exception,
    policy: Mapping[str, int],
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, str] | None:
    """Retry a delivery as long as a retry may help.

    Parameters
    ----------
    deliver
        Attempts the delivery once.
    error
        The first attempt's error.
    policy
        The target's RetryPolicy.

    Returns
    -------
    dict of str or None
        What the dead letter's attributes tell of the failure; nothing once it is delivered.
    """
    began = time.monotonic()
    retries, exhausted = 0, "MaximumRetryAttempts"
    code, is_retried = classify(error)
    for pause in pauses(policy.get("MaximumRetryAttempts", DEFAULT_RETRIES)):
        if not is_retried:
            break
        age = time.monotonic() - began + pause
        if age > policy.get("MaximumEventAgeInSeconds", DEFAULT_AGE_SECONDS):
            exhausted = "MaximumEventAgeInSeconds"
            break
        sleep(pause)
        retries += 1
        try:
            deliver()
        except (ClientError, BotoCoreError) as again:
            error = again
            code, is_retried = classify(error)
        else:
            return None
    failure = {"ERROR_CODE": code, "ERROR_MESSAGE": str(error), "RETRY_ATTEMPTS": str(retries)}
    return failure | ({"EXHAUSTED_RETRY_CONDITION": exhausted} if is_retried else {})


def classify(error: Exception) -> tuple[str, bool]:
    """Return EventBridge's code for an error, and whether it retries after it."""
    if not isinstance(error, ClientError):
        return "CONNECTION_FAILURE", True
    code = error.response["Error"]["Code"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if code in _DENIED:
        return "NO_PERMISSIONS", False
    if code in _GONE:
        return "NO_RESOURCE", False
    if code in _THROTTLED or status == 429:
        return "THROTTLING", True
    if status >= 500:
        return "ERROR_FROM_TARGET", True
    return "SDK_CLIENT_ERROR", False


def pauses(retries: int) -> Iterator[float]:
    """Yield the seconds to wait before each retry."""
    pause = PAUSE_SECONDS
    for _ in range(retries):
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
