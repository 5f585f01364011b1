locals {
  # Lambda stamps Errors with the start of the invocation and sends it after the end: that of a time-out comes when its
  # period is long over. So the alarm looks back for as long as an invocation may take and the metric be late, and one
  # period more because a period may end just before.
  # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
  error_period  = 300
  metric_delay  = 120
  error_periods = 1 + ceil((var.timeout + local.metric_delay) / local.error_period)

  all = {
    dead_letter_queue_not_empty = {
      description = "There are messages in the dead-letter queue ${var.dead_letter_queue_name}. The attributes ErrorType and ErrorMessage have the reason; SQS moved a message without them after a crash, a timeout or throttling."
      metric      = { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible" }
      dimensions  = { QueueName = var.dead_letter_queue_name }
      evaluated   = { statistic = "Maximum", period = 60, periods = 1 }
      threshold   = 1
    }
    oldest_message_age = {
      description = "A message has waited in ${coalesce(var.queue_name, "no queue")} for ${var.alarms.oldest_message_age_seconds} s: ${var.function_name} is too slow, failing or stopped."
      metric      = { namespace = "AWS/SQS", name = "ApproximateAgeOfOldestMessage" }
      dimensions  = { QueueName = var.queue_name }
      evaluated   = { statistic = "Maximum", period = 60, periods = 1 }
      threshold   = var.alarms.oldest_message_age_seconds
    }
    function_errors = {
      description = "Invocations of ${var.function_name} failed (crash, timeout, failed init): see its log group. Errors of single files don't count."
      metric      = { namespace = "AWS/Lambda", name = "Errors" }
      dimensions  = { FunctionName = var.function_name }
      evaluated   = { statistic = "Sum", period = local.error_period, periods = local.error_periods }
      threshold   = var.alarms.function_errors
    }
    function_throttles = {
      description = "Invocations of ${var.function_name} were throttled, and each counts as a receive of its messages: raise its reserved concurrency or the account's, or lower the mapping's maximum."
      metric      = { namespace = "AWS/Lambda", name = "Throttles" }
      dimensions  = { FunctionName = var.function_name }
      evaluated   = { statistic = "Sum", period = 300, periods = 1 }
      threshold   = var.alarms.function_throttles
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.all : name => alarm
    if !contains(var.alarms.disabled, name) && (name != "oldest_message_age" || var.queue_name != null)
  }

  alarm_name          = "${var.name}-${replace(each.key, "_", "-")}"
  alarm_description   = each.value.description
  namespace           = each.value.metric.namespace
  metric_name         = each.value.metric.name
  dimensions          = each.value.dimensions
  statistic           = each.value.evaluated.statistic
  period              = each.value.evaluated.period
  evaluation_periods  = each.value.evaluated.periods
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.actions
  ok_actions          = var.actions
  tags                = var.tags
}
