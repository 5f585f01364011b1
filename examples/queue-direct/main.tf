# S3 -> SQS -> function -> processed/ in the same bucket; a dead-letter queue, its alarm, an e-mail.

module "bucket" {
  source = "../../modules/bucket"

  name          = var.bucket_name
  force_destroy = var.force_destroy

  lifecycle_rules = { expire = { processed = { prefix = "processed/", days = 30 } } }
}

module "notifications" {
  source = "../../modules/bucket-notifications"

  bucket = module.bucket.name
  queues = { incoming = { arn = module.queue.arn, prefixes = ["incoming/"], suffixes = [".json"] } }
}

module "queue" {
  source = "../../modules/queue-with-dlq"

  name                      = var.name
  max_receive_count         = 3
  message_retention_seconds = 86400
  senders                   = { bucket = { service = "s3.amazonaws.com", source_arns = [module.bucket.arn] } }
}

module "transform" {
  source = "../../modules/sqs-lambda-consumer"

  name   = var.name
  output = { bucket = module.bucket.name, prefix = "processed/" }
  queue  = module.queue.queue

  function = {
    package = "${var.packages}/transform_objects.zip"
    reads   = { incoming = { bucket = module.bucket.name, prefixes = ["incoming/"] } }
  }
}

module "alarms" {
  source = "../../modules/consumer-alarms"

  name                   = var.name
  actions                = [module.alerts.arn]
  dead_letter_queue_name = module.queue.dead_letter_queue.name
  function_name          = module.transform.function.name
  queue_name             = module.queue.name
  timeout                = module.transform.function.timeout
}

module "alerts" {
  source = "../../modules/fanout-topic"

  name   = "${var.name}-alerts"
  emails = var.emails
  publishers = { alarms = {
    service     = "cloudwatch.amazonaws.com"
    source_arns = ["arn:*:cloudwatch:*:*:alarm:${var.name}-*"]
  } }
}
