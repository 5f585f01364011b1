data "aws_caller_identity" "current" {}

data "aws_service" "current" { service_id = "events" }

locals {
  partition  = data.aws_service.current.partition
  arn_suffix = "${data.aws_service.current.region}:${data.aws_caller_identity.current.account_id}"

  # Built from names, so that rules, alarms and the function don't wait for each other. A dot sets the
  # rules apart: no consumer's name has one.
  rule_arns   = "arn:${local.partition}:events:${local.arn_suffix}:rule/${var.name}-*"
  alarm_arns  = "arn:${local.partition}:cloudwatch:${local.arn_suffix}:alarm"
  alarm_names = { for name in keys(var.consumers) : name => "${var.name}-${name}-error-rate" }

  # A rule's name has at most 64 characters, of which .alarm and .clock take six; where a consumer's is longer, a hash
  # tells it from others: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
  circuits = { for name in keys(var.consumers) : name => "${var.name}-${name}" }
  rule_names = { for name, circuit in local.circuits :
    name => length(circuit) <= 58 ? circuit : "${substr(circuit, 0, 49)}-${substr(sha256(circuit), 0, 8)}"
  }

  # A trial waits for the function; the rest of the time is for the breaker's own requests.
  timeout = 60 + max([for consumer in var.consumers : consumer.function.timeout]...)

  # The input of circuit_breaker.handler.Circuit.
  inputs = { for name, consumer in var.consumers : name => jsonencode({
    alarm           = local.alarm_names[name]
    consumer        = "${var.name}/${name}"
    function        = consumer.function.name
    mapping         = consumer.event_source_mapping.uuid
    queue_arn       = consumer.queue.arn
    queue_url       = consumer.queue.url
    timeout_seconds = consumer.function.timeout
  }) }

  keys = distinct(compact(concat(
    [var.kms_key_arn, var.alerts_topic.kms_key_arn], [for consumer in var.consumers : consumer.queue.kms_key_arn],
  )))

  # Objects that failed and will be retried, and failed invocations. Permanent errors and
  # skipped objects say nothing about the downstream.
  #
  # No FILL: it would make up the newest minutes, whose metrics are still to come, and an alarm that sees their filling
  # alone stays as it is for ever. A sum of several series has a point wherever one of them has, so that the rate is
  # missing for a minute of which nothing is known, and right for one in which every invocation crashed.
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
  failing = "SUM([retried, crashed])"
  all     = "SUM([retried, crashed, done])"

  # One bad minute opens the circuit, however late its metrics come: the function's own through its log, and a failed
  # invocation's after its end, stamped with its beginning. A minute more, because the newest is never complete.
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
  # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
  metric_delay = 120
  evaluation_minutes = { for name, consumer in var.consumers :
    name => 1 + ceil((consumer.function.timeout + local.metric_delay) / 60)
  }
}

resource "aws_cloudwatch_metric_alarm" "error_rate" {
  for_each = var.consumers

  alarm_name          = local.alarm_names[each.key]
  alarm_description   = "Of what ${each.value.function.name} tried within a minute, ${var.error_rate_percent} % or more failed and is to be retried: the circuit breaker ${var.name} stops it, and lets it go on when a few messages succeed."
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = var.error_rate_percent
  evaluation_periods  = local.evaluation_minutes[each.key]
  datapoints_to_alarm = 1
  treat_missing_data  = "notBreaching"
  tags                = var.tags

  metric_query {
    id          = "rate"
    label       = "Error rate in percent"
    expression  = "IF(${local.all} >= ${var.minimum_objects}, 100 * ${local.failing} / ${local.all}, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = {
      crashed = {
        namespace  = "AWS/Lambda"
        name       = "Errors"
        dimensions = { FunctionName = each.value.function.name }
      }
      done = {
        namespace  = each.value.metrics_namespace
        name       = "ObjectsDone"
        dimensions = { Pipeline = var.name, Consumer = each.key }
      }
      retried = {
        namespace  = each.value.metrics_namespace
        name       = "ObjectsRetried"
        dimensions = { Pipeline = var.name, Consumer = each.key }
      }
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

# The alarm opens the circuit at once. The clock triggers a trial after the cool-down, and opens the circuit
# if an event of the alarm was lost.
resource "aws_cloudwatch_event_rule" "alarm" {
  for_each = var.consumers

  name        = "${local.rule_names[each.key]}.alarm"
  description = "Opens the circuit of ${var.name}/${each.key}."
  tags        = var.tags

  event_pattern = jsonencode({
    source      = ["aws.cloudwatch"]
    detail-type = ["CloudWatch Alarm State Change"]
    resources   = ["${local.alarm_arns}:${local.alarm_names[each.key]}"]
    detail      = { state = { value = ["ALARM"] } }
  })
}

resource "aws_cloudwatch_event_rule" "clock" {
  for_each = var.consumers

  name                = "${local.rule_names[each.key]}.clock"
  description         = "Triggers a trial of ${var.name}/${each.key} after the cool-down."
  schedule_expression = "rate(1 minute)"
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "alarm" {
  for_each = var.consumers

  rule      = aws_cloudwatch_event_rule.alarm[each.key].name
  target_id = "circuit-breaker"
  arn       = module.function.arn
  input     = local.inputs[each.key]

  depends_on = [aws_iam_role_policy_attachment.consumers]
}

resource "aws_cloudwatch_event_target" "clock" {
  for_each = var.consumers

  rule      = aws_cloudwatch_event_rule.clock[each.key].name
  target_id = "circuit-breaker"
  arn       = module.function.arn
  input     = local.inputs[each.key]

  depends_on = [aws_iam_role_policy_attachment.consumers]
}

module "function" {
  source = "../lambda-function"

  architecture            = var.architecture
  asynchronous_invocation = { maximum_retry_attempts = 0 }
  code_signing_config_arn = var.code_signing_config_arn
  description             = "Circuit breaker of the consumers of ${var.name}."
  error_prefix            = var.error_prefix
  invokers                = { rules = { service = "events.amazonaws.com", source_arn = local.rule_arns } }
  kms_key_arn             = var.kms_key_arn
  log_retention_days      = var.log_retention_days
  memory_size             = 256
  name                    = "${var.name}-circuit-breaker"
  package                 = var.package
  package_version         = var.package_version
  role                    = var.role
  tags                    = var.tags
  timeout                 = local.timeout
  tracing                 = var.tracing

  environment = {
    ALERTS_TOPIC_ARN   = var.alerts_topic.arn
    COOL_DOWN_SECONDS  = tostring(var.cool_down_seconds)
    ERROR_RATE_PERCENT = tostring(var.error_rate_percent)
    LEDGER_TABLE       = var.ledger.name
    TRIAL_MESSAGES     = tostring(var.trial_messages)
  }

  policy_statements = merge(
    {
      # Of a request that names alarms AWS says only that its resources are alarms, not that it asks for each by name.
      # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
      read_alarms = { actions = ["cloudwatch:DescribeAlarms"], resources = ["${local.alarm_arns}:*"] }
      tell        = { actions = ["sns:Publish"], resources = [var.alerts_topic.arn] }
    },
    length(local.keys) == 0 ? {} : {
      use_keys = { actions = ["kms:Decrypt", "kms:GenerateDataKey"], resources = local.keys }
    },
  )
}

# What the breaker may do with each consumer. A role's inline policies have 10,240 characters together, which about 25
# consumers fill; a managed policy has 6,144, and a role takes 10 of them.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
locals {
  groups = { for number, names in chunklist(sort(keys(var.consumers)), 10) :
    tostring(number + 1) => { for name in names : name => var.consumers[name] }
  }
}

resource "aws_iam_policy" "consumers" {
  for_each = local.groups

  name = "${module.function.role.name}-${each.key}"
  path = var.role.path
  # A change of the description would replace the policy.
  description = "What the circuit breaker of ${var.name} may do with its consumers, part ${each.key} of ${length(local.groups)}."
  tags        = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Remember"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
        Resource = [var.ledger.arn]
        Condition = { "ForAllValues:StringEquals" = {
          "dynamodb:LeadingKeys" = [for name in keys(each.value) : "${var.name}/${name}"]
        } }
      },
      {
        Sid      = "SwitchMappings"
        Effect   = "Allow"
        Action   = ["lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping"]
        Resource = [for consumer in each.value : consumer.event_source_mapping.arn]
      },
      {
        Sid      = "TryFunctions"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = [for consumer in each.value : consumer.function.arn]
      },
      {
        Sid      = "TryMessages"
        Effect   = "Allow"
        Action   = ["sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"]
        Resource = [for consumer in each.value : consumer.queue.arn]
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "consumers" {
  for_each = local.groups

  role       = module.function.role.name
  policy_arn = aws_iam_policy.consumers[each.key].arn
}
