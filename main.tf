# Files land in the bucket, the topic tells every consumer that wants them, and each consumer has a
# queue, a function and alarms of its own.
#
# filters.tf turns filters into those of each service, permissions.tf says what each function is told
# and may do, guardrails.tf stops mistakes at plan time.

data "aws_service" "current" {
  service_id = "s3"
}

locals {
  partition   = data.aws_service.current.partition
  bucket_name = var.bucket.name == null ? var.bucket.existing : var.bucket.name
  bucket_arn  = "arn:${local.partition}:s3:::${local.bucket_name}"

  alerts_topic_arn = var.alerts.topic == null ? module.alerts[0].arn : var.alerts.topic.arn
  alarm_arns       = "arn:${local.partition}:cloudwatch:${data.aws_service.current.region}:${data.aws_caller_identity.current.account_id}:alarm:${var.name}-*"

  visibility_timeouts = { for name, consumer in var.consumers :
    name => coalesce(consumer.visibility_timeout_seconds, 6 * consumer.timeout + consumer.batching_window_seconds)
  }

  concurrencies = { for name, consumer in var.consumers : name => {
    maximum = consumer.max_concurrency
    provisioned = consumer.provisioned_pollers == null ? null : {
      minimum_pollers = consumer.provisioned_pollers.minimum
      maximum_pollers = consumer.provisioned_pollers.maximum
    }
  } }

  # What a consumer may be sent: its own filter, or else the pipeline's.
  prefixes = { for name, consumer in var.consumers :
    name => length(consumer.filter.prefixes) > 0 ? consumer.filter.prefixes : var.filter.prefixes
  }

  outputs = { for name, consumer in var.consumers :
    name => merge(consumer.output, { bucket = coalesce(consumer.output.bucket, local.bucket_name) })
    if consumer.output != null
  }
}

data "aws_s3_bucket" "existing" {
  count = var.bucket.name == null ? 1 : 0

  bucket = var.bucket.existing
}

module "bucket" {
  source = "./modules/bucket"
  count  = var.bucket.name == null ? 0 : 1

  force_destroy   = var.bucket.force_destroy
  kms_key_arn     = var.kms_key_arn
  lifecycle_rules = var.bucket.lifecycle_rules
  name            = var.bucket.name
  tags            = var.tags
  versioning      = var.bucket.versioning
}

module "notifications" {
  source = "./modules/bucket-notifications"

  bucket = var.bucket.name == null ? data.aws_s3_bucket.existing[0].id : module.bucket[0].name
  topics = { files = merge(var.filter, { arn = module.topic.arn }) }
}

module "topic" {
  source = "./modules/fanout-topic"

  kms_key_arn = var.kms_key_arn
  name        = var.name
  tags        = var.tags

  publishers = { bucket = { service = "s3.amazonaws.com", source_arns = [local.bucket_arn] } }
}

module "queues" {
  source   = "./modules/queue-with-dlq"
  for_each = var.consumers

  dead_letter_queue          = { message_retention_seconds = each.value.dead_letter_retention_seconds }
  kms_key_arn                = var.kms_key_arn
  max_receive_count          = each.value.max_receive_count
  message_retention_seconds  = each.value.message_retention_seconds
  name                       = "${var.name}-${each.key}"
  subscriptions              = { files = { topic_arn = module.topic.arn, filter_policy = local.filter_policies[each.key] } }
  tags                       = var.tags
  visibility_timeout_seconds = local.visibility_timeouts[each.key]
}

module "consumers" {
  source   = "./modules/sqs-lambda-consumer"
  for_each = var.consumers

  batching        = { size = each.value.batch_size, window_seconds = each.value.batching_window_seconds }
  concurrency     = local.concurrencies[each.key]
  enabled         = each.value.enabled
  filter_criteria = local.filter_criteria[each.key]
  kms_key_arn     = var.kms_key_arn
  name            = "${var.name}-${each.key}"
  queue           = module.queues[each.key].queue
  tags            = var.tags

  function = merge(each.value, {
    description       = "Consumer ${each.key} of the files in ${local.bucket_name}."
    environment       = merge(each.value.environment, local.environments[each.key])
    policy_statements = merge(each.value.policy_statements, local.policy_statements[each.key])
  })
}

module "alarms" {
  source   = "./modules/consumer-alarms"
  for_each = var.consumers

  actions                = [local.alerts_topic_arn]
  alarms                 = coalesce(each.value.alarms, var.alarms)
  dead_letter_queue_name = module.queues[each.key].dead_letter_queue.name
  function_name          = module.consumers[each.key].function.name
  name                   = "${var.name}-${each.key}"
  queue_name             = module.queues[each.key].name
  tags                   = var.tags
}

module "alerts" {
  source = "./modules/fanout-topic"
  count  = var.alerts.topic == null ? 1 : 0

  emails      = var.alerts.emails
  kms_key_arn = var.kms_key_arn
  name        = "${var.name}-alerts"
  tags        = var.tags

  publishers = { alarms = { service = "cloudwatch.amazonaws.com", source_arns = [local.alarm_arns] } }
}
