# Files land in the bucket, and each consumer has a queue, a function and alarms of its own. How it
# hears of files is the route: through the topic, a rule of EventBridge, or from S3 directly.
#
# filters.tf turns filters into those of each service, permissions.tf says what each function is told
# and may do, monitoring.tf who is told of trouble, encryption.tf what a customer-managed key has to
# allow, guardrails.tf stops mistakes at plan time.

data "aws_service" "current" {
  service_id = "s3"
}

locals {
  partition   = data.aws_service.current.partition
  bucket_name = var.bucket.name == null ? var.bucket.existing : var.bucket.name
  bucket_arn  = "arn:${local.partition}:s3:::${local.bucket_name}"
  arn_suffix  = "${data.aws_service.current.region}:${data.aws_caller_identity.current.account_id}"

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

  # Whose circuit is broken while its downstream is down.
  guarded = { for name, consumer in var.consumers :
    name => consumer if consumer.circuit_breaker && var.circuit_breaker != null && var.ledger != null
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

# The route is this configuration alone. Topic, queues and functions let S3 in on every route: what a
# notification names is changed before the notification, and a file in between would be lost.
module "notifications" {
  source = "./modules/bucket-notifications"

  bucket      = var.bucket.name == null ? data.aws_s3_bucket.existing[0].id : module.bucket[0].name
  eventbridge = length([for rule in module.rules : rule.arn]) > 0
  functions   = { for name, filter in local.routed.functions : name => merge(filter, { arn = module.consumers[name].function.arn }) }
  queues      = { for name, filter in local.routed.queues : name => merge(filter, { arn = module.queues[name].arn }) }
  topics      = { for name, filter in local.routed.topics : name => merge(filter, { arn = module.topic.arn }) }
}

module "rules" {
  source   = "./modules/object-event-rule"
  for_each = local.routed.rules

  buckets           = [local.bucket_name]
  dead_letter_queue = { arn = module.queues[each.key].dead_letter_queue.arn }
  description       = "Consumer ${each.key} of the files in ${local.bucket_name}."
  filter            = each.value
  name              = "${var.name}-${each.key}"
  tags              = var.tags
  targets           = { queue = { arn = module.queues[each.key].arn } }
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
  max_retry_delay_seconds    = each.value.max_retry_delay_seconds
  message_retention_seconds  = each.value.message_retention_seconds
  name                       = "${var.name}-${each.key}"
  subscriptions              = { files = { topic_arn = module.topic.arn, filter_policy = local.filter_policies[each.key] } }
  tags                       = var.tags
  visibility_timeout_seconds = local.visibility_timeouts[each.key]

  senders = {
    bucket = { service = "s3.amazonaws.com", source_arns = [local.bucket_arn] }
    rule   = { service = "events.amazonaws.com", source_arns = ["arn:${local.partition}:events:${local.arn_suffix}:rule/${var.name}-${each.key}"] }
  }
}

module "ledger" {
  source = "./modules/processing-ledger"
  count  = var.ledger == null ? 0 : 1

  deletion_protection = var.ledger.deletion_protection
  kms_key_arn         = var.kms_key_arn
  name                = "${var.name}-ledger"
  tags                = var.tags
}

module "consumers" {
  source   = "./modules/sqs-lambda-consumer"
  for_each = var.consumers

  batching    = { size = each.value.batch_size, window_seconds = each.value.batching_window_seconds }
  concurrency = local.concurrencies[each.key]
  enabled     = each.value.enabled
  kms_key_arn = var.kms_key_arn
  name        = "${var.name}-${each.key}"
  queue       = module.queues[each.key].queue
  tags        = var.tags

  function = merge(each.value, {
    description       = "Consumer ${each.key} of the files in ${local.bucket_name}."
    environment       = merge(each.value.environment, local.environments[each.key])
    invokers          = { bucket = { service = "s3.amazonaws.com", source_arn = local.bucket_arn } }
    policy_statements = merge(each.value.policy_statements, local.policy_statements[each.key])
  })
}

module "circuit_breaker" {
  source = "./modules/circuit-breaker"
  count  = length(local.guarded) == 0 ? 0 : 1

  alerts_topic       = { arn = local.alerts_topic_arn, kms_key_arn = try(var.alerts.topic.kms_key_arn, null) }
  architecture       = var.circuit_breaker.architecture
  cool_down_seconds  = var.circuit_breaker.cool_down_seconds
  error_rate_percent = var.circuit_breaker.error_rate_percent
  kms_key_arn        = var.kms_key_arn
  ledger             = module.ledger[0].table
  minimum_objects    = var.circuit_breaker.minimum_objects
  name               = var.name
  package            = var.circuit_breaker.package
  package_version    = var.circuit_breaker.package_version
  tags               = var.tags
  trial_messages     = var.circuit_breaker.trial_messages

  consumers = { for name, consumer in local.guarded : name => merge(module.consumers[name], {
    queue   = module.queues[name].queue
    timeout = consumer.timeout
  }) }
}
