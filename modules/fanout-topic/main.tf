data "aws_caller_identity" "current" {}

# Returns region and partition with providers 5 and 6; aws_region causes a deprecation warning.
data "aws_service" "current" { service_id = "sns" }

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_service.current.partition
  arn       = "arn:${local.partition}:sns:${data.aws_service.current.region}:${local.account}:${var.name}"
  title     = replace(title(replace(var.name, "/[-_]/", " ")), " ", "")

  allow_subscribers = length(var.subscriber_accounts) == 0 ? [] : [{
    Sid       = "AllowSubscribers"
    Effect    = "Allow"
    Principal = { AWS = [for account in var.subscriber_accounts : "arn:${local.partition}:iam::${account}:root"] }
    Action    = ["sns:Subscribe"]
    Resource  = local.arn
  }]

  sids = { for name in keys(var.publishers) : name => "Allow${replace(title(replace(name, "/[-_]/", " ")), " ", "")}" }

  # Whom a service publishes for. The account is a condition of its own where the ARNs name none, as a bucket's.
  # EventBridge tells SNS and KMS neither, and any condition would refuse all it sends:
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
  # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
  conditions = { for name, publisher in var.publishers : name => startswith(publisher.service, "events.") ? {} : {
    Condition = merge(
      { ArnLike = { "aws:SourceArn" = publisher.source_arns } },
      local.accounts[name] == null ? {} : { StringEquals = { "aws:SourceAccount" = local.accounts[name] } },
    )
  } }
  names_account = "^arn:[^:]+:[^:]+:[^:]*:[0-9]{12}:"
  accounts = { for name, publisher in var.publishers : name => (
    publisher.source_account != null
    || alltrue([for arn in publisher.source_arns : can(regex(local.names_account, arn))])
    ? publisher.source_account : local.account
  ) }

  allow_publishers = [for name, publisher in var.publishers : merge({
    Sid       = local.sids[name]
    Effect    = "Allow"
    Principal = { Service = publisher.service }
    Action    = "sns:Publish"
    Resource  = local.arn
  }, local.conditions[name])]

  # Built without var.kms_key_arn, so that the key's own policy can contain them.
  kms_key_statements = [for name, publisher in var.publishers : merge({
    Sid       = "${local.sids[name]}To${local.title}"
    Effect    = "Allow"
    Principal = { Service = publisher.service }
    Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
    Resource  = "*"
  }, local.conditions[name])]

  # Of the topic's name alone, so that one key can be the topic's and its queues'.
  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
  kms_key_statements_for_subscribers = [{
    Sid       = "AllowTopic${local.title}ToSubscribers"
    Effect    = "Allow"
    Principal = { Service = "sns.amazonaws.com" }
    Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource  = "*"
    Condition = { ArnEquals = { "aws:SourceArn" = local.arn } }
  }]
}

resource "aws_sns_topic" "this" {
  name              = var.name
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags
  tracing_config    = var.tracing

  # In with the topic: S3 checks that it may publish at the moment a notification is configured.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "DenyWithoutTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = local.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      local.allow_publishers,
      local.allow_subscribers,
    )
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.emails

  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.value
}
