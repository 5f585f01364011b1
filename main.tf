# Files are uploaded to the bucket. Each consumer has a queue, a function and alarms. The route determines how a
# consumer receives events: through the topic, from an EventBridge rule, or from S3 directly.
#
# guardrails.tf has the plan-time checks that compare consumers with each other; every other check is in the
# module that it concerns. encryption.tf has the statements for a customer-managed key.

data "aws_service" "current" { service_id = "s3" }

locals {
  partition   = data.aws_service.current.partition
  arn_suffix  = "${data.aws_service.current.region}:${data.aws_caller_identity.current.account_id}"
  bucket_name = var.bucket.name == null ? var.bucket.existing : var.bucket.name
  bucket_arn  = "arn:${local.partition}:s3:::${local.bucket_name}"
  bucket_key  = var.bucket.name == null ? var.bucket.kms_key_arn : var.kms_key_arn
  rule_arn    = "arn:${local.partition}:events:${local.arn_suffix}:rule/${var.name}"
  alarm_arns  = "arn:${local.partition}:cloudwatch:${local.arn_suffix}:alarm:${var.name}-*"

  # How the user wrote a consumer and its attributes, for error messages.
  places = { for name in keys(var.consumers) : name => "consumers[\"${name}\"]" }
  error_names = { for consumer, place in local.places : consumer => merge(
    { for name in keys(var.consumers[consumer]) : name => "${place}.${name}" },
    { function = place, prefix = "${place}." },
  ) }

  alerts_topic_arn = var.alerts.topic == null ? module.alerts[0].arn : var.alerts.topic.arn
}

data "aws_s3_bucket" "existing" {
  count = var.bucket.name == null ? 1 : 0

  bucket = var.bucket.existing
}

module "bucket" {
  source = "./modules/bucket"
  count  = var.bucket.name == null ? 0 : 1

  access_logs     = var.bucket.access_logs
  error_prefix    = "bucket."
  force_destroy   = var.bucket.force_destroy
  kms_key_arn     = var.kms_key_arn
  lifecycle_rules = var.bucket.lifecycle_rules
  name            = var.bucket.name
  tags            = var.tags
  versioning      = var.bucket.versioning
}

module "filter" {
  source = "./modules/object-filter"

  name   = "filter"
  within = var.filter
}

module "filters" {
  source   = "./modules/object-filter"
  for_each = var.consumers

  filter = each.value.filter
  name   = "${local.places[each.key]}.filter"
  within = module.filter.wanted
}

locals {
  # The bucket's name, once the bucket is there.
  bucket = var.bucket.name == null ? data.aws_s3_bucket.existing[0].id : module.bucket[0].name

  # What S3 notifies of a consumer's files. A disabled consumer receives them in its queue even on route function.
  notified_by_s3 = { for name, consumer in var.consumers : name => (
    var.route == "function" && consumer.enabled ? "function" : contains(["function", "queue"], var.route) ? "queue" : ""
  ) }
}

# The route affects only this configuration. The policies of topic, queues and functions allow S3 on every route: the
# targets change before the notification configuration, and a file in between would be lost.
module "notifications" {
  source = "./modules/bucket-notifications"
  count  = var.bucket.notifications ? 1 : 0

  bucket      = local.bucket
  eventbridge = length([for rule in module.rules : rule.arn]) > 0
  owner       = var.name
  tags        = var.tags

  error_names = merge({ "topics.files" = "filter" }, [for name, place in local.places : {
    "functions.${name}" = "${place}.filter", "queues.${name}" = "${place}.filter"
  }]...)

  functions = { for name, filter in module.filters :
    name => merge(filter.wanted, { arn = module.consumers[name].function.arn })
    if local.notified_by_s3[name] == "function"
  }
  queues = { for name, filter in module.filters :
    name => merge(filter.wanted, { arn = module.queues[name].arn }) if local.notified_by_s3[name] == "queue"
  }
  topics = var.route != "topic" ? {} : { files = merge(module.filter.wanted, { arn = module.topic.arn }) }
}

moved {
  from = module.notifications
  to   = module.notifications[0]
}

module "rules" {
  source   = "./modules/object-event-rule"
  for_each = var.route == "eventbridge" ? var.consumers : {}

  buckets           = [local.bucket_name]
  dead_letter_queue = { arn = module.queues[each.key].dead_letter_queue.arn }
  description       = "Consumer ${each.key} of the files in ${local.bucket_name}."
  filter            = module.filters[each.key].wanted
  name              = "${var.name}-${each.key}"
  tags              = var.tags
  targets           = { queue = { arn = module.queues[each.key].arn } }
}

module "topic" {
  source = "./modules/fanout-topic"

  kms_key_arn = var.kms_key_arn
  name        = var.name
  publishers  = { bucket = { service = "s3.amazonaws.com", source_arns = [local.bucket_arn] } }
  tags        = var.tags
  tracing     = var.tracing
}

module "queues" {
  source   = "./modules/queue-with-dlq"
  for_each = var.consumers

  dead_letter_queue          = { message_retention_seconds = each.value.dead_letter_retention_seconds }
  error_names                = local.error_names[each.key]
  function                   = each.value
  kms_key_arn                = var.kms_key_arn
  max_receive_count          = each.value.max_receive_count
  max_retry_delay_seconds    = each.value.max_retry_delay_seconds
  message_retention_seconds  = each.value.message_retention_seconds
  name                       = "${var.name}-${each.key}"
  tags                       = var.tags
  visibility_timeout_seconds = each.value.visibility_timeout_seconds

  senders = {
    bucket = { service = "s3.amazonaws.com", source_arns = [local.bucket_arn] }
    rule   = { service = "events.amazonaws.com", source_arns = ["${local.rule_arn}-${each.key}"] }
  }

  subscriptions = { files = { topic_arn = module.topic.arn, filter_policy = module.filters[each.key].filter_policy } }
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

  batching          = { size = each.value.batch_size, window_seconds = each.value.batching_window_seconds }
  drops_test_events = each.value.drops_test_events
  enabled           = each.value.enabled
  error_names       = local.error_names[each.key]
  filter            = module.filters[each.key].wanted
  kms_key_arn       = var.kms_key_arn
  ledger            = var.ledger == null ? null : { table = module.ledger[0].table, days = var.ledger.days }
  max_invocations   = each.value.max_invocations
  name              = "${var.name}-${each.key}"
  pipeline          = { name = var.name, consumer = each.key }
  queue             = module.queues[each.key].queue
  tags              = var.tags

  function = merge(each.value, {
    description = "Consumer ${each.key} of the files in ${local.bucket_name}."
    invokers    = { bucket = { service = "s3.amazonaws.com", source_arn = local.bucket_arn } }
    role        = merge(var.roles, each.value.role)
    tracing     = each.value.tracing == null ? var.tracing : each.value.tracing
    reads = !each.value.reads_files ? {} : { files = {
      bucket = local.bucket_name, prefixes = module.filters[each.key].wanted.prefixes, kms_key_arn = local.bucket_key
    } }
  })

  concurrency = {
    maximum = each.value.max_concurrency
    provisioned = each.value.provisioned_pollers == null ? null : {
      minimum_pollers = each.value.provisioned_pollers.minimum
      maximum_pollers = each.value.provisioned_pollers.maximum
    }
  }

  output = each.value.output == null ? null : {
    bucket      = coalesce(each.value.output.bucket, local.bucket_name)
    kms_key_arn = each.value.output.bucket == null ? local.bucket_key : each.value.output.kms_key_arn
    prefix      = each.value.output.prefix
  }
}

module "circuit_breaker" {
  source = "./modules/circuit-breaker"
  count  = var.circuit_breaker != null && anytrue([for consumer in var.consumers : consumer.circuit_breaker]) ? 1 : 0

  alerts_topic       = { arn = local.alerts_topic_arn, kms_key_arn = try(var.alerts.topic.kms_key_arn, null) }
  architecture       = var.circuit_breaker.architecture
  cool_down_seconds  = var.circuit_breaker.cool_down_seconds
  error_prefix       = "circuit_breaker."
  error_rate_percent = var.circuit_breaker.error_rate_percent
  kms_key_arn        = var.kms_key_arn
  ledger             = module.ledger[0].table
  minimum_objects    = var.circuit_breaker.minimum_objects
  name               = var.name
  package            = var.circuit_breaker.package
  package_version    = var.circuit_breaker.package_version
  role               = var.roles
  tags               = var.tags
  tracing            = var.tracing
  trial_messages     = var.circuit_breaker.trial_messages

  code_signing_config_arn = var.circuit_breaker.code_signing_config_arn

  consumers = { for name, consumer in var.consumers :
    name => merge(module.consumers[name], { queue = module.queues[name].queue }) if consumer.circuit_breaker
  }
}

module "alarms" {
  source   = "./modules/consumer-alarms"
  for_each = var.consumers

  actions                = [local.alerts_topic_arn]
  alarms                 = each.value.alarms == null ? var.alarms : each.value.alarms
  dead_letter_queue_name = module.queues[each.key].dead_letter_queue.name
  error_prefix           = each.value.alarms == null ? "" : "${local.places[each.key]}."
  function_name          = module.consumers[each.key].function.name
  name                   = "${var.name}-${each.key}"
  queue_name             = module.queues[each.key].name
  tags                   = var.tags
  timeout                = module.consumers[each.key].function.timeout
}

module "alerts" {
  source = "./modules/fanout-topic"
  count  = var.alerts.topic == null ? 1 : 0

  emails      = var.alerts.emails
  kms_key_arn = var.kms_key_arn
  name        = "${var.name}-alerts"
  publishers  = { alarms = { service = "cloudwatch.amazonaws.com", source_arns = [local.alarm_arns] } }
  tags        = var.tags
}

module "dashboard" {
  source = "./modules/pipeline-dashboard"
  count  = var.dashboard ? 1 : 0

  bucket_name = local.bucket_name
  # Dashboard names are unique in an account: pipelines with the same name in two regions would share one.
  dashboard_name = "${var.name}-${data.aws_service.current.region}"
  name           = var.name
  topic_name     = var.route == "topic" ? module.topic.name : null

  consumers = { for name, consumer in module.consumers : name => {
    alarm_names            = values(module.alarms[name].names)
    dead_letter_queue_name = module.queues[name].queue.dead_letter_queue.name
    function_name          = consumer.function.name
    memory_size            = consumer.function.memory_size
    metrics_namespace      = consumer.metrics_namespace
    queue_name             = module.queues[name].queue.name
    timeout                = consumer.function.timeout
  } }
}
