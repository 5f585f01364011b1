# S3 -> SNS -> SQS -> function, with a dead-letter queue. The folder second-consumer adds another consumer
# from a separate configuration or account.

module "bucket" {
  source = "../../modules/bucket"

  name          = var.bucket_name
  force_destroy = var.force_destroy
  readers = { for account in var.subscriber_accounts :
    account => { account = account, list = true, prefixes = ["incoming/"] }
  }
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

  name          = "${var.name}-transform"
  function      = { timeout = 55, batching_window_seconds = 5 }
  subscriptions = { files = { topic_arn = module.topic.arn } }
}

module "transform" {
  source = "../../modules/sqs-lambda-consumer"

  name     = "${var.name}-transform"
  batching = { size = 50, window_seconds = 5 }
  output   = { bucket = module.bucket.name, prefix = "processed/" }
  queue    = module.queue.queue

  function = {
    package = "${var.packages}/transform_objects.zip"
    reads   = { incoming = { bucket = module.bucket.name, prefixes = ["incoming/"] } }
    timeout = 55
  }
}
