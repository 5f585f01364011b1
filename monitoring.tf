# Who is told of trouble, and where it is seen.
locals {
  alerts_topic_arn = var.alerts.topic == null ? module.alerts[0].arn : var.alerts.topic.arn
  alarm_arns       = "arn:${local.partition}:cloudwatch:${local.arn_suffix}:alarm:${var.name}-*"
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
  timeout                = each.value.timeout
}

module "dashboard" {
  source = "./modules/pipeline-dashboard"
  count  = var.dashboard ? 1 : 0

  bucket_name = local.bucket_name
  # Dashboards are global: pipelines of one name in two regions would share theirs.
  dashboard_name = "${var.name}-${data.aws_service.current.region}"
  name           = var.name
  topic_name     = var.route == "topic" ? module.topic.name : null

  consumers = { for name, consumer in var.consumers : name => {
    alarm_names            = values(module.alarms[name].names)
    dead_letter_queue_name = module.queues[name].queue.dead_letter_queue.name
    function_name          = module.consumers[name].function.name
    memory_size            = consumer.memory_size
    queue_name             = module.queues[name].queue.name
    timeout                = consumer.timeout
  } }
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
