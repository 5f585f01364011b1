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

  name  = var.name
  queue = module.queue.queue

  function = {
    package     = "${var.packages}/transform_objects.zip"
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

module "alarms" {
  source = "../../modules/consumer-alarms"

  name                   = var.name
  actions                = [module.alerts.arn]
  dead_letter_queue_name = module.queue.dead_letter_queue.name
  function_name          = module.transform.function.name
  queue_name             = module.queue.name
  timeout                = 30
}

module "alerts" {
  source = "../../modules/fanout-topic"

  name       = "${var.name}-alerts"
  emails     = var.emails
  publishers = { alarms = { service = "cloudwatch.amazonaws.com", source_arns = ["arn:*:cloudwatch:*:*:alarm:${var.name}-*"] } }
}
