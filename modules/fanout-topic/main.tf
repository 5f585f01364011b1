data "aws_caller_identity" "current" {}

# Names region and partition on provider 5 and 6 alike; aws_region does so only with a deprecation.
data "aws_service" "current" {
  service_id = "sns"
}

locals {
  arn = "arn:${data.aws_service.current.partition}:sns:${data.aws_service.current.region}:${data.aws_caller_identity.current.account_id}:${var.name}"

  allow_subscribers = [for statement in [{
    Sid       = "AllowSubscribers"
    Effect    = "Allow"
    Principal = { AWS = [for account in var.subscriber_accounts : "arn:${data.aws_service.current.partition}:iam::${account}:root"] }
    Action    = ["sns:GetTopicAttributes", "sns:Subscribe"]
    Resource  = local.arn
  }] : statement if length(var.subscriber_accounts) > 0]

  sids = { for name in keys(var.publishers) : name => "Allow${replace(title(replace(name, "/[-_]/", " ")), " ", "")}" }

  conditions = { for name, publisher in var.publishers : name => {
    ArnLike      = { "aws:SourceArn" = publisher.source_arns }
    StringEquals = { "aws:SourceAccount" = coalesce(publisher.source_account, data.aws_caller_identity.current.account_id) }
  } }

  allow_publishers = [for name, publisher in var.publishers : {
    Sid       = local.sids[name]
    Effect    = "Allow"
    Principal = { Service = publisher.service }
    Action    = "sns:Publish"
    Resource  = local.arn
    Condition = local.conditions[name]
  }]

  # Written without var.kms_key_arn, so that the key's own policy can be made of them.
  # EventBridge uses the key for a topic without saying for which rule, and a condition would refuse it:
  # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
  kms_key_statements = [for name, publisher in var.publishers : merge(
    {
      Sid       = "${local.sids[name]}To${replace(title(replace(var.name, "/[-_]/", " ")), " ", "")}"
      Effect    = "Allow"
      Principal = { Service = publisher.service }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource  = "*"
    },
    { for key, conditions in { Condition = local.conditions[name] } : key => conditions if !startswith(publisher.service, "events.") },
  )]
}

resource "aws_sns_topic" "this" {
  name              = var.name
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags

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
