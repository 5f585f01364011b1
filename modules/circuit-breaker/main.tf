data "aws_caller_identity" "current" {}

data "aws_service" "current" {
  service_id = "events"
}

locals {
  partition  = data.aws_service.current.partition
  arn_suffix = "${data.aws_service.current.region}:${data.aws_caller_identity.current.account_id}"

  # Built from names, so that rules, alarms and the function don't wait for each other. A dot sets the
  # rules apart: no consumer's name has one.
  rule_arns   = "arn:${local.partition}:events:${local.arn_suffix}:rule/${var.name}-*"
  alarm_names = { for name in keys(var.consumers) : name => "${var.name}-${name}-error-rate" }

  # A trial waits for the function; the rest is for the breaker's own requests.
  timeout = 60 + max([for consumer in var.consumers : consumer.timeout]...)

  # What circuit_breaker.handler.Circuit reads.
  inputs = { for name, consumer in var.consumers : name => jsonencode({
    alarm           = local.alarm_names[name]
    consumer        = "${var.name}/${name}"
    function        = consumer.function.name
    mapping         = consumer.event_source_mapping.uuid
    queue_arn       = consumer.queue.arn
    queue_url       = consumer.queue.url
    timeout_seconds = consumer.timeout
  }) }

  keys = distinct(compact(concat([var.kms_key_arn], [for consumer in var.consumers : consumer.queue.kms_key_arn])))

  # What failed because the downstream did, and invocations that failed as a whole. Files set aside as
  # bad and files skipped say nothing about it.
  failing = "FILL(retried, 0) + FILL(crashed, 0)"
  all     = "${local.failing} + FILL(done, 0)"
}

resource "aws_cloudwatch_metric_alarm" "error_rate" {
  for_each = var.consumers

  alarm_name          = local.alarm_names[each.key]
  alarm_description   = "Of what ${each.value.function.name} tried within a minute, ${var.error_rate_percent} % or more failed and is to be retried: the circuit breaker ${var.name} stops it, and lets it go on when a few messages succeed."
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = var.error_rate_percent
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  tags                = var.tags

  metric_query {
    id          = "rate"
    label       = "Error rate in percent"
    expression  = "IF(${local.all} >= ${var.minimum_objects}, 100 * (${local.failing}) / (${local.all}), 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = {
      crashed = { namespace = "AWS/Lambda", name = "Errors", dimensions = { FunctionName = each.value.function.name } }
      done    = { namespace = var.metrics_namespace, name = "ObjectsDone", dimensions = { Pipeline = var.name, Consumer = each.key } }
      retried = { namespace = var.metrics_namespace, name = "ObjectsRetried", dimensions = { Pipeline = var.name, Consumer = each.key } }
    }

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        period      = 60
        stat        = "Sum"
      }
    }
  }
}

# The alarm opens the circuit at once. The clock has it tried when it has cooled down, and opens it
# where an event of the alarm's was lost.
resource "aws_cloudwatch_event_rule" "alarm" {
  for_each = var.consumers

  name        = "${var.name}-${each.key}.alarm"
  description = "Opens the circuit of ${var.name}/${each.key}."
  tags        = var.tags

  event_pattern = jsonencode({
    source      = ["aws.cloudwatch"]
    detail-type = ["CloudWatch Alarm State Change"]
    resources   = ["arn:${local.partition}:cloudwatch:${local.arn_suffix}:alarm:${local.alarm_names[each.key]}"]
    detail      = { state = { value = ["ALARM"] } }
  })
}

resource "aws_cloudwatch_event_rule" "clock" {
  for_each = var.consumers

  name                = "${var.name}-${each.key}.clock"
  description         = "Tries the circuit of ${var.name}/${each.key} when it has cooled down."
  schedule_expression = "rate(1 minute)"
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "alarm" {
  for_each = var.consumers

  rule      = aws_cloudwatch_event_rule.alarm[each.key].name
  target_id = "circuit-breaker"
  arn       = module.function.arn
  input     = local.inputs[each.key]
}

resource "aws_cloudwatch_event_target" "clock" {
  for_each = var.consumers

  rule      = aws_cloudwatch_event_rule.clock[each.key].name
  target_id = "circuit-breaker"
  arn       = module.function.arn
  input     = local.inputs[each.key]
}

module "function" {
  source = "../lambda-function"

  architecture            = var.architecture
  asynchronous_invocation = { maximum_retry_attempts = 0 }
  description             = "Circuit breaker of ${join(", ", keys(var.consumers))}."
  invokers                = { rules = { service = "events.amazonaws.com", source_arn = local.rule_arns } }
  kms_key_arn             = var.kms_key_arn
  log_retention_days      = var.log_retention_days
  memory_size             = 256
  name                    = "${var.name}-circuit-breaker"
  package                 = var.package
  package_version         = var.package_version
  tags                    = var.tags
  timeout                 = local.timeout

  environment = {
    ALERTS_TOPIC_ARN   = var.alerts_topic.arn
    COOL_DOWN_SECONDS  = tostring(var.cool_down_seconds)
    ERROR_RATE_PERCENT = tostring(var.error_rate_percent)
    LEDGER_TABLE       = var.ledger.name
    TRIAL_MESSAGES     = tostring(var.trial_messages)
  }

  policy_statements = merge(
    {
      # The action knows no alarm's ARN; it only reads.
      # parliament:skip=RESOURCE_STAR:ReadAlarms:the breaker reads the state of alarms, of which IAM knows them all or one by one
      read_alarms = {
        actions   = ["cloudwatch:DescribeAlarms"]
        resources = ["*"]
      }
      remember = {
        actions    = ["dynamodb:GetItem", "dynamodb:PutItem"]
        resources  = [var.ledger.arn]
        conditions = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = [for name in keys(var.consumers) : "${var.name}/${name}"] } }
      }
      switch_mappings = {
        actions   = ["lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping"]
        resources = [for consumer in var.consumers : consumer.event_source_mapping.arn]
      }
      try_functions = {
        actions   = ["lambda:InvokeFunction"]
        resources = [for consumer in var.consumers : consumer.function.arn]
      }
      try_messages = {
        actions   = ["sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"]
        resources = [for consumer in var.consumers : consumer.queue.arn]
      }
      tell = {
        actions   = ["sns:Publish"]
        resources = [var.alerts_topic.arn]
      }
    },
    { for name, statement in {
      use_keys = {
        actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
        resources = local.keys
      }
    } : name => statement if length(local.keys) > 0 },
  )
}
