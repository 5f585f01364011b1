# S3 -> function -> DynamoDB, without a queue.

data "aws_caller_identity" "current" {}

data "aws_service" "current" { service_id = "sqs" }

locals {
  partition = data.aws_service.current.partition
  region    = data.aws_service.current.region
  account   = data.aws_caller_identity.current.account_id
}

module "bucket" {
  source = "../../modules/bucket"

  name          = var.bucket_name
  force_destroy = var.force_destroy
  kms_key_arn   = var.kms_key_arn
}

module "notifications" {
  source = "../../modules/bucket-notifications"

  bucket    = module.bucket.name
  functions = { load = { arn = module.load.arn, prefixes = ["incoming/"] } }
}

module "load" {
  source = "../../modules/lambda-function"

  name        = "${var.name}-load"
  package     = "${var.packages}/load_records.zip"
  invokers    = { bucket = { service = "s3.amazonaws.com", source_arn = module.bucket.arn } }
  kms_key_arn = var.kms_key_arn
  timeout     = 300

  # S3 invokes the function asynchronously: Lambda queues the event, attempts it three times, and then sends it
  # to the queue with the error.
  asynchronous_invocation = {
    maximum_retry_attempts = 2
    on_failure             = { arn = aws_sqs_queue.failed.arn, kms_key_arn = var.kms_key_arn }
  }

  environment = {
    # A file that can't be loaded goes to this queue at once, with the reason, instead of being retried.
    DEAD_LETTER_QUEUE_URL = aws_sqs_queue.failed.url
    MALLOC_ARENA_MAX      = "1"
    PARTITION_KEY         = "id"
    TABLE_NAME            = aws_dynamodb_table.records.name
  }

  reads = { incoming = { bucket = module.bucket.name, prefixes = ["incoming/"], kms_key_arn = var.kms_key_arn } }

  policy_statements = {
    write_records = { actions = ["dynamodb:BatchWriteItem"], resources = [aws_dynamodb_table.records.arn] }
  }
}

resource "aws_dynamodb_table" "records" {
  name         = "${var.name}-records"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  point_in_time_recovery { enabled = true }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }
}

resource "aws_sqs_queue" "failed" {
  name                      = "${var.name}-failed"
  message_retention_seconds = 1209600
  kms_master_key_id         = var.kms_key_arn
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null

  # The function and Lambda send here with the function's role; nobody else may.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DenyWithoutTLS"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.name}-failed"
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

module "alarms" {
  source = "../../modules/consumer-alarms"

  name                   = "${var.name}-load"
  actions                = [module.alerts.arn]
  dead_letter_queue_name = aws_sqs_queue.failed.name
  function_name          = module.load.name
  timeout                = module.load.timeout
}

module "alerts" {
  source = "../../modules/fanout-topic"

  name        = "${var.name}-alerts"
  kms_key_arn = var.kms_key_arn
  publishers = { alarms = {
    service     = "cloudwatch.amazonaws.com"
    source_arns = ["arn:*:cloudwatch:*:*:alarm:${var.name}-*"]
  } }
}
