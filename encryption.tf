# The statements for the policy of the key in kms_key_arn. They are built from names only, so that a key whose policy
# has these statements can be the key of this pipeline.
locals {
  topic_names = concat([var.name], var.alerts.topic == null ? ["${var.name}-alerts"] : [])
  topic_arns  = [for name in local.topic_names : "arn:${local.partition}:sns:${local.arn_suffix}:${name}"]
  log_arns    = "arn:${local.partition}:logs:${local.arn_suffix}:log-group:/aws/lambda/${var.name}-*"
  in_account  = { StringEquals = { "aws:SourceAccount" = [data.aws_caller_identity.current.account_id] } }

  # SNS and EventBridge use the queues' key, CloudWatch the topic's, S3 both, each as its page says: with aws:SourceArn,
  # towards a topic with the account too, and there with kms:GenerateDataKey*.
  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
  # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
  to_queues = ["kms:Decrypt", "kms:GenerateDataKey"]
  to_topics = ["kms:Decrypt", "kms:GenerateDataKey*"]
  to_logs   = ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
  logs      = "logs.${data.aws_service.current.region}.amazonaws.com${local.partition == "aws-cn" ? ".cn" : ""}"

  key_users = {
    AllowAlarms = {
      service   = "cloudwatch.amazonaws.com"
      actions   = local.to_topics
      condition = merge(local.in_account, { ArnLike = { "aws:SourceArn" = [local.alarm_arns] } })
    }
    AllowBucket = {
      service   = "s3.amazonaws.com"
      actions   = local.to_topics
      condition = merge(local.in_account, { ArnEquals = { "aws:SourceArn" = [local.bucket_arn] } })
    }
    AllowLogs = {
      service   = local.logs
      actions   = local.to_logs
      condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = [local.log_arns] } }
    }
    AllowRules = {
      service   = "events.amazonaws.com"
      actions   = local.to_queues
      condition = { ArnLike = { "aws:SourceArn" = ["${local.rule_arn}-*"] } }
    }
    AllowTopics = {
      service   = "sns.amazonaws.com"
      actions   = local.to_queues
      condition = { ArnEquals = { "aws:SourceArn" = local.topic_arns } }
    }
  }

  kms_key_statements = [for sid, user in local.key_users : {
    Sid       = sid
    Effect    = "Allow"
    Principal = { Service = user.service }
    Action    = user.actions
    Resource  = "*"
    Condition = user.condition
  }]
}
