# How long a message is invisible.

locals {
  # AWS recommends six times, so that a throttled batch is retried before its messages become visible again.
  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  visibility_timeout_seconds = (var.visibility_timeout_seconds == null
    ? 6 * var.function.timeout + var.function.batching_window_seconds : var.visibility_timeout_seconds
  )

  # How long a message is out of sight at most: hidden while it is processed, then until its next receive, for as long
  # as the consumer asks. SQS hides a message for at most 12 hours after a receive.
  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
  longest_receive  = min(local.visibility_timeout_seconds + var.max_retry_delay_seconds, 43200)
  longest_receives = var.max_receive_count * local.longest_receive
}
