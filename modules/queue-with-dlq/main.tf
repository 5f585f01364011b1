data "aws_caller_identity" "current" {}

# Returns region and partition with providers 5 and 6; aws_region causes a deprecation warning.
data "aws_service" "current" { service_id = "sqs" }

locals {
  account    = data.aws_caller_identity.current.account_id
  region     = data.aws_service.current.region
  suffix     = var.fifo == null ? "" : ".fifo"
  name       = "${var.name}${local.suffix}"
  dlq_name   = "${var.name}-dlq${local.suffix}"
  arn_prefix = "arn:${data.aws_service.current.partition}:sqs:${local.region}:${local.account}"

  # Built from names, so that each queue goes in with its policies and neither waits for the other's ARN.
  arn     = "${local.arn_prefix}:${local.name}"
  dlq_arn = "${local.arn_prefix}:${local.dlq_name}"

  longest_retention = 1209600

  deny_without_tls = {
    Sid       = "DenyWithoutTLS"
    Effect    = "Deny"
    Principal = "*"
    Action    = "sqs:*"
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }

  topic_arns = distinct([for subscription in var.subscriptions : subscription.topic_arn])
  allow_topics = length(var.subscriptions) == 0 ? [] : [{
    Sid       = "AllowTopics"
    Effect    = "Allow"
    Principal = { Service = "sns.amazonaws.com" }
    Action    = "sqs:SendMessage"
    Condition = { ArnEquals = { "aws:SourceArn" = local.topic_arns } }
  }]

  sids = { for name in keys(var.senders) : name => "Allow${replace(title(replace(name, "/[-_]/", " ")), " ", "")}" }

  # The account is a condition of its own only where the ARNs name none, as a bucket's: AWS documents aws:SourceArn
  # for every sender, aws:SourceAccount for S3.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions
  # https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html
  names_account = "^arn:[^:]+:[^:]+:[^:]*:[0-9]{12}:"
  accounts = { for name, sender in var.senders : name => (
    sender.source_account != null || alltrue([for arn in sender.source_arns : can(regex(local.names_account, arn))])
    ? sender.source_account : local.account
  ) }

  allow_senders = { for name, sender in var.senders : name => {
    Sid       = local.sids[name]
    Effect    = "Allow"
    Principal = { Service = sender.service }
    Action    = "sqs:SendMessage"
    Condition = merge(
      { ArnLike = { "aws:SourceArn" = sender.source_arns } },
      local.accounts[name] == null ? {} : { StringEquals = { "aws:SourceAccount" = local.accounts[name] } },
    )
  } }

  # EventBridge and SNS send undeliverable events to the dead-letter queue.
  dlq_statements = concat([local.deny_without_tls], local.allow_topics, [
    for name, statement in local.allow_senders : statement if startswith(var.senders[name].service, "events.")
  ])

  # Built without var.kms_key_arn, so that the key's own policy can contain them. A bucket that is encrypted with
  # the same key is not named, but its account. Services whose use of an encrypted queue has aws:SourceArn:
  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
  title = replace(title(replace(var.name, "/[-_]/", " ")), " ", "")
  kms_key_statements = concat(
    length(var.subscriptions) == 0 ? [] : [{
      Sid       = "AllowTopicsTo${local.title}"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = { ArnEquals = { "aws:SourceArn" = local.topic_arns } }
    }],
    [for name, sender in var.senders : {
      Sid       = "${local.sids[name]}To${local.title}"
      Effect    = "Allow"
      Principal = { Service = sender.service }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = merge(
        local.accounts[name] == null ? { ArnLike = { "aws:SourceArn" = sender.source_arns } } : {},
        local.accounts[name] == null ? {} : { StringEquals = { "aws:SourceAccount" = local.accounts[name] } },
      )
    }],
  )

  statements = concat([local.deny_without_tls], local.allow_topics, values(local.allow_senders))
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in local.statements : merge(statement, { Resource = local.arn })]
  })
}

resource "aws_sqs_queue" "dead_letter" {
  name                              = local.dlq_name
  fifo_queue                        = var.fifo != null
  deduplication_scope               = try(var.fifo.high_throughput, false) ? "messageGroup" : null
  fifo_throughput_limit             = try(var.fifo.high_throughput, false) ? "perMessageGroupId" : null
  message_retention_seconds         = var.dead_letter_queue.message_retention_seconds
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 300
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  tags                              = var.tags

  redrive_allow_policy = jsonencode({ redrivePermission = "byQueue", sourceQueueArns = [local.arn] })

  # SNS and EventBridge send undeliverable events here.
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in local.dlq_statements : merge(statement, { Resource = local.dlq_arn })]
  })
}

resource "aws_sqs_queue" "this" {
  name                              = local.name
  fifo_queue                        = var.fifo != null
  content_based_deduplication       = try(var.fifo.content_based_deduplication, null)
  deduplication_scope               = try(var.fifo.high_throughput, false) ? "messageGroup" : null
  fifo_throughput_limit             = try(var.fifo.high_throughput, false) ? "perMessageGroupId" : null
  visibility_timeout_seconds        = local.visibility_timeout_seconds
  message_retention_seconds         = var.message_retention_seconds
  receive_wait_time_seconds         = var.receive_wait_time_seconds
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 300
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  tags                              = var.tags

  policy = local.policy
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn, maxReceiveCount = var.max_receive_count
  })

  lifecycle {
    precondition {
      # In a standard queue, the age counts from the first send; in a FIFO queue, from the move.
      # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
      condition = var.fifo != null || (
        var.dead_letter_queue.message_retention_seconds == local.longest_retention
        || var.dead_letter_queue.message_retention_seconds > var.message_retention_seconds
      )
      error_message = "The dead-letter queue must keep messages longer than the queue, because a message keeps its age when SQS moves it. Raise ${var.error_names.dead_letter_retention_seconds} (${var.dead_letter_queue.message_retention_seconds}) above ${var.error_names.prefix}message_retention_seconds (${var.message_retention_seconds}), or set it to SQS's maximum, ${local.longest_retention} (14 days)."
    }

    precondition {
      condition     = local.longest_receives < var.message_retention_seconds
      error_message = "A message could expire before it is moved to the dead-letter queue: ${var.error_names.prefix}max_receive_count (${var.max_receive_count}) times the longest time that a message is invisible (${var.error_names.prefix}visibility_timeout_seconds, ${local.visibility_timeout_seconds}, plus max_retry_delay_seconds, ${var.max_retry_delay_seconds}, but at most 43200) is ${local.longest_receives} s, and must be less than ${var.error_names.prefix}message_retention_seconds (${var.message_retention_seconds}). Raise message_retention_seconds or lower one of the others."
    }

    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
    precondition {
      condition     = length(local.statements) <= 20 && length(local.policy) <= 8192
      error_message = "A queue's policy has at most 20 statements and 8192 bytes; this one has ${length(local.statements)} and ${length(local.policy)}. Put the source_arns of one service into one of senders, use patterns in them, or let senders publish to a topic."
    }

    precondition {
      condition     = var.fifo == null || !contains([for sender in var.senders : sender.service], "s3.amazonaws.com")
      error_message = "S3 can't send to a FIFO queue. Remove fifo, or let an EventBridge rule send to the queue."
    }

    precondition {
      condition     = var.fifo == null || alltrue([for arn in local.topic_arns : endswith(arn, ".fifo")])
      error_message = "A FIFO queue can subscribe to FIFO topics only. Remove fifo, or name a topic whose ARN ends in .fifo in subscriptions."
    }

    precondition {
      condition     = alltrue([for arn in local.topic_arns : split(":", arn)[3] == local.region])
      error_message = "A subscription is created in its topic's region, but the queue is in ${data.aws_service.current.region}. Add a topic of another region to senders, and subscribe to it with a provider of that region; the README shows how."
    }

    precondition {
      condition     = length(local.topic_arns) == length(var.subscriptions)
      error_message = "SNS gives a queue one subscription to a topic, and the subscriptions name a topic twice. Put both filters into one filter_policy."
    }
  }
}

resource "aws_sns_topic_subscription" "this" {
  for_each = var.subscriptions

  topic_arn            = each.value.topic_arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this.arn
  raw_message_delivery = each.value.raw_message_delivery
  filter_policy        = each.value.filter_policy
  filter_policy_scope  = each.value.filter_policy == null ? null : each.value.filter_policy_scope

  # SNS doesn't retry a delivery that a policy or a key denies: without this, such messages are lost.
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letter.arn })
}
