# S3 -> EventBridge -> SNS -> SQS -> function -> S3, all of it encrypted with one customer-managed key.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account_arn = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"
}

module "bucket" {
  source = "../../modules/bucket"

  name          = var.bucket_name
  force_destroy = var.force_destroy
  kms_key_arn   = aws_kms_key.this.arn
}

module "notifications" {
  source = "../../modules/bucket-notifications"

  bucket      = module.bucket.name
  eventbridge = true
}

# The function's outputs are excluded, so they can be in the same bucket.
module "rule" {
  source = "../../modules/object-event-rule"

  name        = var.name
  archive     = { retention_days = 30 }
  buckets     = [var.bucket_name]
  filter      = { excluded_prefixes = ["processed/"], excluded_suffixes = [".tmp"], max_bytes = 100000000 }
  kms_key_arn = aws_kms_key.this.arn
  topics      = { files = { arn = module.topic.arn, kms_key_arn = aws_kms_key.this.arn } }
}

module "topic" {
  source = "../../modules/fanout-topic"

  name        = var.name
  kms_key_arn = aws_kms_key.this.arn
}

module "queue" {
  source = "../../modules/queue-with-dlq"

  name          = "${var.name}-transform"
  kms_key_arn   = aws_kms_key.this.arn
  subscriptions = { files = { topic_arn = module.topic.arn } }
}

module "transform" {
  source = "../../modules/sqs-lambda-consumer"

  name        = "${var.name}-transform"
  kms_key_arn = aws_kms_key.this.arn
  output      = { bucket = module.bucket.name, prefix = "processed/", kms_key_arn = aws_kms_key.this.arn }
  queue       = module.queue.queue

  function = {
    package = "${var.packages}/transform_objects.zip"
    reads   = { files = { bucket = module.bucket.name, kms_key_arn = aws_kms_key.this.arn } }
  }
}

# The key is created with its policy, so that resources that depend on the key, such as the log group, may use it at
# once. The statements must not refer to these resources; the modules build them from names only.
resource "aws_kms_key" "this" {
  description             = "Files, messages and logs of ${var.name}."
  deletion_window_in_days = 7
  enable_key_rotation     = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "AllowAccount"
        Effect    = "Allow"
        Principal = { AWS = local.account_arn }
        Action    = "kms:*"
        Resource  = "*"
      }],
      module.rule.kms_key_statements,
      module.topic.kms_key_statements_for_subscribers,
      module.transform.kms_key_statements,
    )
  })
}
