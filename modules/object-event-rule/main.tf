data "aws_caller_identity" "current" {}

data "aws_service" "current" {
  service_id = "events"
}

locals {
  partition  = data.aws_service.current.partition
  account_id = data.aws_caller_identity.current.account_id
  arn_suffix = "${data.aws_service.current.region}:${local.account_id}"

  # IAM is global: rules of one name in two regions have a role each.
  role_name  = "${var.name}-rule-${data.aws_service.current.region}"
  topic_arns = [for topic in var.topics : topic.arn]
  topic_keys = distinct([for topic in var.topics : topic.kms_key_arn if topic.kms_key_arn != null])

  # Built from names, so that neither the queue's policy nor a target's waits for the rule.
  arn     = "arn:${local.partition}:events:${local.arn_suffix}:rule/${var.name}"
  dlq_arn = "arn:${local.partition}:sqs:${local.arn_suffix}:${var.name}-undelivered"

  # S3's notifications and EventBridge have their own names for the same events.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
  by_type = {
    "s3:IntelligentTiering"      = ["Object Access Tier Changed"]
    "s3:LifecycleTransition"     = ["Object Storage Class Changed"]
    "s3:ObjectAcl:Put"           = ["Object ACL Updated"]
    "s3:ObjectCreated:*"         = ["Object Created"]
    "s3:ObjectRestore:*"         = ["Object Restore Completed", "Object Restore Expired", "Object Restore Initiated"]
    "s3:ObjectRestore:Completed" = ["Object Restore Completed"]
    "s3:ObjectRestore:Delete"    = ["Object Restore Expired"]
    "s3:ObjectRestore:Post"      = ["Object Restore Initiated"]
    "s3:ObjectTagging:*"         = ["Object Tags Added", "Object Tags Deleted"]
    "s3:ObjectTagging:Delete"    = ["Object Tags Deleted"]
    "s3:ObjectTagging:Put"       = ["Object Tags Added"]
  }
  by_reason = {
    "s3:ObjectCreated:CompleteMultipartUpload" = "CompleteMultipartUpload"
    "s3:ObjectCreated:Copy"                    = "CopyObject"
    "s3:ObjectCreated:Post"                    = "POST Object"
    "s3:ObjectCreated:Put"                     = "PutObject"
  }
  deletions = {
    "s3:LifecycleExpiration:*"                   = { reason = ["Lifecycle Expiration"] }
    "s3:LifecycleExpiration:Delete"              = { reason = ["Lifecycle Expiration"], deletion-type = ["Permanently Deleted"] }
    "s3:LifecycleExpiration:DeleteMarkerCreated" = { reason = ["Lifecycle Expiration"], deletion-type = ["Delete Marker Created"] }
    "s3:ObjectRemoved:*"                         = { reason = ["DeleteObject"] }
    "s3:ObjectRemoved:Delete"                    = { reason = ["DeleteObject"], deletion-type = ["Permanently Deleted"] }
    "s3:ObjectRemoved:DeleteMarkerCreated"       = { reason = ["DeleteObject"], deletion-type = ["Delete Marker Created"] }
  }
  unknown_events = [for event in var.filter.events : event if !contains(concat(keys(local.by_type), keys(local.by_reason), keys(local.deletions)), event)]

  types   = distinct(flatten([for event in var.filter.events : lookup(local.by_type, event, [])]))
  reasons = [for event in distinct(var.filter.events) : local.by_reason[event] if contains(keys(local.by_reason), event)]

  # Ways to match, as JSON texts because they differ in shape: any event of a type, creations by their
  # reason, deletions by theirs.
  kinds = concat(
    [for types in [local.types] : jsonencode({ type = types, detail = {} }) if length(types) > 0],
    [for reasons in [local.reasons] : jsonencode({ type = ["Object Created"], detail = { reason = reasons } }) if length(reasons) > 0],
    [for event in distinct(var.filter.events) : jsonencode({ type = ["Object Deleted"], detail = local.deletions[event] }) if contains(keys(local.deletions), event)],
  )

  # An asterisk and a backslash in a key are characters, not a wildcard and an escape.
  literal = { for part in distinct(concat(var.filter.prefixes, var.filter.suffixes, var.filter.excluded_prefixes, var.filter.excluded_suffixes)) :
    part => replace(replace(part, "\\", "\\\\"), "*", "\\*")
  }
  wanted_keys = concat(
    [for prefix in distinct(var.filter.prefixes) : jsonencode({ prefix = prefix }) if length(var.filter.suffixes) == 0],
    [for suffix in distinct(var.filter.suffixes) : jsonencode({ suffix = suffix }) if length(var.filter.prefixes) == 0],
    flatten([for pair in setproduct(distinct(var.filter.prefixes), distinct(var.filter.suffixes)) : concat(
      [jsonencode({ wildcard = "${local.literal[pair[0]]}*${local.literal[pair[1]]}" })],
      # The keys in which the prefix and the suffix share characters.
      [for shared in range(1, min(length(pair[0]), length(pair[1])) + 1) : jsonencode("${pair[0]}${substr(pair[1], shared, -1)}")
      if endswith(pair[0], substr(pair[1], 0, shared))],
    )]),
  )
  unwanted_keys = concat(
    [for prefix in distinct(var.filter.excluded_prefixes) : "${local.literal[prefix]}*"],
    [for suffix in distinct(var.filter.excluded_suffixes) : "*${local.literal[suffix]}"],
  )
  size = flatten([for comparison in [[">=", var.filter.min_bytes], ["<=", var.filter.max_bytes]] : comparison if comparison[1] != null])

  object = merge(
    { for field, matchers in { key = local.wanted_keys } : field => [for matcher in matchers : jsondecode(matcher)] if length(matchers) > 0 },
    { for field, patterns in { key = local.unwanted_keys } : field => [{ anything-but = { wildcard = patterns } }] if length(patterns) > 0 },
    { for field, numbers in { size = local.size } : field => [{ numeric = numbers }] if length(numbers) > 0 },
  )

  patterns = [for kind in [for kind in local.kinds : jsondecode(kind)] : jsonencode({
    detail-type = kind.type
    detail = merge(
      kind.detail,
      { bucket = { name = sort(var.buckets) } },
      { for field, object in { object = local.object } : field => object if length(object) > 0 },
    )
  })]

  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
  kms_key_statements = [{
    Sid       = "AllowRuleToUndelivered"
    Effect    = "Allow"
    Principal = { Service = "events.amazonaws.com" }
    Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource  = "*"
    Condition = { ArnEquals = { "aws:SourceArn" = local.arn } }
  }]

  pattern = jsonencode(merge(concat(
    [{ source = ["aws.s3"] }],
    [for patterns in [local.patterns] : jsondecode(patterns[0]) if length(patterns) == 1],
    [for patterns in [local.patterns] : { "$or" = [for pattern in patterns : jsondecode(pattern)] } if length(patterns) > 1],
  )...))
}

resource "aws_cloudwatch_event_rule" "this" {
  name          = var.name
  description   = var.description
  event_pattern = local.pattern
  state         = var.enabled ? "ENABLED" : "DISABLED"
  tags          = var.tags

  lifecycle {
    precondition {
      condition     = length(local.unknown_events) == 0
      error_message = "EventBridge has no such events: ${join(", ", local.unknown_events)}. Use S3's names, such as s3:ObjectCreated:* or s3:ObjectRemoved:Delete; s3:ReducedRedundancyLostObject and s3:Replication:* are sent to queues, topics and functions only."
    }

    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
    precondition {
      condition     = length(var.targets) + length(var.topics) >= 1 && length(var.targets) + length(var.topics) <= 5
      error_message = "A rule takes 1 to 5 targets, and targets and topics have ${length(var.targets) + length(var.topics)}. Let it publish to a topic that more subscribe to."
    }

    precondition {
      condition     = length(setintersection(keys(var.targets), keys(var.topics))) == 0
      error_message = "targets and topics both have ${join(", ", setintersection(keys(var.targets), keys(var.topics)))}. Give each target of the rule a name of its own."
    }

    precondition {
      condition     = length(local.pattern) <= var.pattern_quota
      error_message = "The event pattern has ${length(local.pattern)} characters, and EventBridge takes ${var.pattern_quota} from this account. Use fewer buckets, prefixes, suffixes or events, split them between two rules, or have the quota raised and set pattern_quota."
    }
  }
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = merge(var.targets, { for name, topic in var.topics : name => { arn = topic.arn, message_group_id = null } })

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

    content {
      message_group_id = sqs_target.value
    }
  }

  # EventBridge doesn't try again what a role may not do.
  depends_on = [aws_iam_role_policy.topics]
}

# EventBridge gives SNS neither rule nor account to compare with, so a topic's policy could let in only the
# rules of all accounts. A role can be bound to the rule, and EventBridge takes one for every target:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
# https://aws.amazon.com/about-aws/whats-new/2025/03/amazon-eventbridge-iam-execution-role-all-targets/
resource "aws_iam_role" "topics" {
  count = length(var.topics) == 0 ? 0 : 1

  name        = local.role_name
  description = "Rule ${var.name} publishes to its topics."
  tags        = var.tags

  # https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AllowRule"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = local.arn }
        StringEquals = { "aws:SourceAccount" = local.account_id }
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
      [{
        Sid      = "Publish"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = local.topic_arns
      }],
      [for keys in [local.topic_keys] : {
        Sid      = "UseTopicKeys"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource = keys
      } if length(keys) > 0],
    )
  })
}

# What a target could not be given: EventBridge writes the reason into the message's attributes.
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

# Keeps what matches, so that it can be replayed to the rule.
resource "aws_cloudwatch_event_archive" "this" {
  count = var.archive == null ? 0 : 1

  name             = var.name
  description      = "Events of rule ${var.name}, for replay."
  event_source_arn = "arn:${local.partition}:events:${local.arn_suffix}:event-bus/default"
  event_pattern    = local.pattern
  retention_days   = var.archive.retention_days

  lifecycle {
    precondition {
      condition     = length(var.name) <= 48
      error_message = "An archive's name has at most 48 characters, and ${var.name} has ${length(var.name)}. Choose a shorter name."
    }
  }
}
