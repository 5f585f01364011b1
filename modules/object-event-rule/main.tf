data "aws_caller_identity" "current" {}

data "aws_service" "current" { service_id = "events" }

locals {
  partition  = data.aws_service.current.partition
  account_id = data.aws_caller_identity.current.account_id
  arn_suffix = "${data.aws_service.current.region}:${local.account_id}"

  # IAM is global: rules of one name in two regions have a role each.
  role_name = join("-", concat(
    [var.name, "rule", data.aws_service.current.region],
    var.role.path == "/" ? [] : [substr(sha256(var.role.path), 0, 4)],
  ))
  topic_arns = [for topic in var.topics : topic.arn]
  key_arns   = distinct(compact(values(var.topics)[*].kms_key_arn))
  use_topic_keys = length(local.key_arns) == 0 ? [] : [{
    Sid = "UseTopicKeys", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey*"], Resource = local.key_arns
  }]

  # Built from names, so that neither the queue's policy nor a target's waits for the rule.
  arn     = "arn:${local.partition}:events:${local.arn_suffix}:rule/${var.name}"
  dlq_arn = "arn:${local.partition}:sqs:${local.arn_suffix}:${var.name}-undelivered"

  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
  kms_key_statements = [{
    Sid       = "AllowRuleToUndelivered"
    Effect    = "Allow"
    Principal = { Service = "events.amazonaws.com" }
    Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource  = "*"
    Condition = { ArnEquals = { "aws:SourceArn" = local.arn } }
  }]
}

module "filter" {
  source = "../object-filter"

  buckets  = var.buckets
  excluded = { prefixes = var.filter.excluded_prefixes, suffixes = var.filter.excluded_suffixes }
  filter   = { min_bytes = var.filter.min_bytes, max_bytes = var.filter.max_bytes }
  name     = "filter"
  within   = var.filter
}

resource "aws_cloudwatch_event_rule" "this" {
  name          = var.name
  description   = var.description
  event_pattern = module.filter.event_pattern
  state         = var.enabled ? "ENABLED" : "DISABLED"
  tags          = var.tags

  lifecycle {
    precondition {
      condition     = length(module.filter.events_not_on_eventbridge) == 0
      error_message = "EventBridge has no such events: ${join(", ", module.filter.events_not_on_eventbridge)}. Use S3's names, such as s3:ObjectCreated:* or s3:ObjectRemoved:Delete; s3:ReducedRedundancyLostObject and s3:Replication:* are sent to queues, topics and functions only."
    }

    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
    precondition {
      condition     = length(var.targets) + length(var.topics) >= 1 && length(var.targets) + length(var.topics) <= 5
      error_message = "A rule takes 1 to 5 targets, and targets and topics have ${length(var.targets) + length(var.topics)}. Publish to a topic, and subscribe the others to it."
    }

    precondition {
      condition     = length(setintersection(keys(var.targets), keys(var.topics))) == 0
      error_message = "targets and topics both have ${join(", ", setintersection(keys(var.targets), keys(var.topics)))}. Give each target of the rule a different name."
    }

    precondition {
      condition     = length(module.filter.event_pattern) <= var.pattern_quota
      error_message = "The event pattern has ${length(module.filter.event_pattern)} characters, and EventBridge takes ${var.pattern_quota} from this account. Use fewer buckets, prefixes, suffixes or events, split them between two rules, or have the quota raised and set pattern_quota."
    }
  }
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = merge(var.targets, { for name, topic in var.topics :
    name => { arn = topic.arn, message_group_id = null }
  })

  rule      = aws_cloudwatch_event_rule.this.name
  target_id = each.key
  arn       = each.value.arn
  role_arn  = contains(keys(var.topics), each.key) ? aws_iam_role.topics[0].arn : null

  dead_letter_config {
    arn = var.dead_letter_queue == null ? one(aws_sqs_queue.undelivered[*].arn) : var.dead_letter_queue.arn
  }

  retry_policy {
    maximum_event_age_in_seconds = var.retry.maximum_event_age_seconds
    maximum_retry_attempts       = var.retry.maximum_attempts
  }

  dynamic "sqs_target" {
    for_each = each.value.message_group_id == null ? [] : [each.value.message_group_id]

    content { message_group_id = sqs_target.value }
  }

  # EventBridge doesn't retry what a role may not do.
  depends_on = [aws_iam_role_policy.topics]
}

# EventBridge sends SNS neither rule nor account, so a topic's policy could only allow the
# rules of all accounts. A role can be restricted to the rule, and EventBridge supports one for every target:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
# https://aws.amazon.com/about-aws/whats-new/2025/03/amazon-eventbridge-iam-execution-role-all-targets/
resource "aws_iam_role" "topics" {
  count = length(var.topics) == 0 ? 0 : 1

  name                 = local.role_name
  description          = "Rule ${var.name} publishes to its topics."
  path                 = var.role.path
  permissions_boundary = var.role.permissions_boundary
  tags                 = var.tags

  # https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AllowRule"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnEquals = { "aws:SourceArn" = local.arn }, StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
  })

  lifecycle {
    precondition {
      condition     = length(local.role_name) <= 64
      error_message = "The role's name ${local.role_name} has ${length(local.role_name)} characters, and IAM takes 64. Choose a shorter name for the rule."
    }
  }
}

resource "aws_iam_role_policy" "topics" {
  count = length(var.topics) == 0 ? 0 : 1

  name = "publish"
  role = aws_iam_role.topics[0].name

  # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#sns-what-permissions-for-sse
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{ Sid = "Publish", Effect = "Allow", Action = ["sns:Publish"], Resource = local.topic_arns }],
      local.use_topic_keys,
    )
  })
}

# Undeliverable events: EventBridge adds the reason to the message's attributes.
resource "aws_sqs_queue" "undelivered" {
  count = var.dead_letter_queue == null ? 1 : 0

  name                              = "${var.name}-undelivered"
  message_retention_seconds         = 1209600
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 300
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  tags                              = var.tags

  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "DenyWithoutTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = local.dlq_arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "AllowRule"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = local.dlq_arn
        Condition = { ArnEquals = { "aws:SourceArn" = local.arn } }
      },
    ]
  })
}

# Keeps the matched events for replay to the rule.
resource "aws_cloudwatch_event_archive" "this" {
  count = var.archive == null ? 0 : 1

  name             = var.name
  description      = "Events of rule ${var.name}, for replay."
  event_source_arn = "arn:${local.partition}:events:${local.arn_suffix}:event-bus/default"
  event_pattern    = module.filter.event_pattern
  retention_days   = var.archive.retention_days

  lifecycle {
    precondition {
      condition     = length(var.name) <= 48
      error_message = "An archive's name has at most 48 characters, and ${var.name} has ${length(var.name)}. Choose a shorter name."
    }
  }
}
