# S3 -> SNS -> SQS -> function, with a dead-letter queue. The folder second-consumer adds another one
# from a configuration, or an account, of its own.

module "bucket" {
  source = "../../modules/bucket"

  name          = var.bucket_name
  force_destroy = var.force_destroy
  readers       = { for account in var.subscriber_accounts : account => { account = account, list = true, prefixes = ["incoming/"] } }
}

module "notifications" {
  source = "../../modules/bucket-notifications"

  bucket = module.bucket.name
  topics = { files = { arn = module.topic.arn, prefixes = ["incoming/"] } }
}

module "topic" {
  source = "../../modules/fanout-topic"

  name                = var.name
  publishers          = { bucket = { service = "s3.amazonaws.com", source_arns = [module.bucket.arn] } }
  subscriber_accounts = var.subscriber_accounts
}

module "queue" {
  source = "../../modules/queue-with-dlq"

  name                       = "${var.name}-transform"
  subscriptions              = { files = { topic_arn = module.topic.arn } }
  visibility_timeout_seconds = 360
}

module "transform" {
  source = "../../modules/sqs-lambda-consumer"

  name     = "${var.name}-transform"
  batching = { size = 50, window_seconds = 5 }
  queue    = module.queue.queue

  function = {
    package     = "${var.packages}/transform_objects.zip"
    timeout     = 55
    environment = { OUTPUT_BUCKET = module.bucket.name, OUTPUT_PREFIX = "processed/" }

    policy_statements = {
      read_files         = { actions = ["s3:GetObject", "s3:GetObjectVersion"], resources = ["${module.bucket.arn}/incoming/*"] }
      tell_missing_files = { actions = ["s3:ListBucket"], resources = [module.bucket.arn] }
      write_output = {
        actions   = ["s3:AbortMultipartUpload", "s3:PutObject"]
        resources = ["${module.bucket.arn}/processed/*"]
      }
    }
  }
}
