# Everything the modules take from other resources comes from resources that don't exist yet.
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.98, < 7.0"
    }
  }
}

locals {
  package = "tests/terraform/packages/load_orders.zip"
}

resource "aws_kms_key" "this" {}

resource "aws_kms_key" "theirs" {}

resource "aws_s3_bucket" "files" {
  bucket_prefix = "files-"
}

resource "aws_s3_bucket" "results" {
  bucket_prefix = "results-"
}

resource "aws_sns_topic" "operations" {
  name_prefix = "operations-"
}

resource "aws_dynamodb_table" "orders" {
  name         = "orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_lambda_layer_version" "shared" {
  layer_name = "shared"
  filename   = local.package
}

resource "aws_iam_role" "audit" {
  assume_role_policy = jsonencode({})
}

resource "aws_iam_policy" "boundary" {
  policy = jsonencode({})
}

resource "aws_efs_access_point" "shared" {
  file_system_id = "fs-0123456789abcdef0"
}

resource "aws_lambda_code_signing_config" "this" {
  allowed_publishers { signing_profile_version_arns = ["arn:aws:signer:eu-west-1:111122223333:/signing-profiles/team/1"] }
}

module "pipeline" {
  source = "../../.."

  alerts      = { topic = { arn = aws_sns_topic.operations.arn, kms_key_arn = aws_kms_key.theirs.arn } }
  bucket      = { existing = aws_s3_bucket.files.id, kms_key_arn = aws_kms_key.theirs.arn }
  filter      = { prefixes = ["incoming/"] }
  kms_key_arn = aws_kms_key.this.arn
  name        = "orders"
  roles       = { permissions_boundary = aws_iam_policy.boundary.arn }

  consumers = {
    transform = {
      package     = local.package
      file_system = { access_point_arn = aws_efs_access_point.shared.arn, mount_path = "/mnt/shared" }
      layers      = [aws_lambda_layer_version.shared.arn]
      vpc         = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }

      code_signing_config_arn = aws_lambda_code_signing_config.this.arn
      output                  = { bucket = aws_s3_bucket.results.id, kms_key_arn = aws_kms_key.theirs.arn, prefix = "processed/" }
    }
    audit = {
      package     = local.package
      environment = { TABLE = aws_dynamodb_table.orders.name }
      role        = { existing = { arn = aws_iam_role.audit.arn } }
      policy_statements = { write_orders = {
        actions   = ["dynamodb:PutItem"]
        resources = [aws_dynamodb_table.orders.arn]
      } }
    }
  }
}

module "queue" {
  source = "../../../modules/queue-with-dlq"

  kms_key_arn   = aws_kms_key.this.arn
  name          = "direct"
  senders       = { files = { service = "s3.amazonaws.com", source_arns = [aws_s3_bucket.results.arn] } }
  subscriptions = { operations = { topic_arn = aws_sns_topic.operations.arn } }
}

module "function" {
  source = "../../../modules/lambda-function"

  name    = "direct"
  package = "s3://${aws_s3_bucket.results.id}/load_orders.zip"
}

module "consumer" {
  source = "../../../modules/sqs-lambda-consumer"

  function = { package = local.package }
  name     = "consumer"
  queue    = module.queue.queue
}

module "notifications" {
  source = "../../../modules/bucket-notifications"

  bucket    = aws_s3_bucket.results.id
  functions = { load = { arn = module.function.arn, suffixes = [".json"] } }
  queues    = { direct = { arn = module.queue.arn, suffixes = [".csv"] } }
}

module "rule" {
  source = "../../../modules/object-event-rule"

  buckets     = [aws_s3_bucket.results.id]
  kms_key_arn = aws_kms_key.this.arn
  name        = "direct"
  targets     = { queue = { arn = module.queue.arn } }
  topics      = { operations = { arn = aws_sns_topic.operations.arn, kms_key_arn = aws_kms_key.this.arn } }
}
