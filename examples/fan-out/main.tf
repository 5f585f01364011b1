# S3 -> SNS -> two SQS queues -> two functions.

locals {
  consumers = toset(["audit", "inventory"])
}

module "bucket" {
  source = "../../modules/bucket"

  name          = var.bucket_name
  force_destroy = var.force_destroy
}

module "notifications" {
  source = "../../modules/bucket-notifications"

  bucket = module.bucket.name
  topics = { files = { arn = module.topic.arn } }
}

module "topic" {
  source = "../../modules/fanout-topic"

  name       = var.name
  publishers = { bucket = { service = "s3.amazonaws.com", source_arns = [module.bucket.arn] } }
}

module "queues" {
  source   = "../../modules/queue-with-dlq"
  for_each = local.consumers

  name          = "${var.name}-${each.key}"
  subscriptions = { files = { topic_arn = module.topic.arn } }
}

# Each function has its own role, which may use its own queue and write its own logs.
module "consumers" {
  source   = "../../modules/sqs-lambda-consumer"
  for_each = local.consumers

  name     = "${var.name}-${each.key}"
  queue    = module.queues[each.key].queue
  function = { package = "${var.packages}/log_events.zip" }
}
