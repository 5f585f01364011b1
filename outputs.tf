output "alerts_topic" {
  description = "The topic for notifications of alarms: arn."
  value       = { arn = local.alerts_topic_arn }
}

output "bucket" {
  description = "The bucket of the files, available after every consumer can receive events: arn, name."
  value = {
    arn = local.bucket_arn, name = var.bucket.notifications ? module.notifications[0].bucket : local.bucket
  }

  # A queue doesn't receive files that are uploaded before it has subscribed.
  depends_on = [module.consumers, module.queues]
}

output "circuit_breaker" {
  description = "The circuit breaker: its function, and its alarms by consumer; null without one."
  value       = one([for breaker in module.circuit_breaker : { alarms = breaker.alarms, function = breaker.function }])
}

output "consumers" {
  description = "Each consumer: its queue, dead_letter_queue, function, role, event_source_mapping, metrics_namespace, alarms (names) and output."
  value = { for name, consumer in module.consumers : name => {
    alarms               = module.alarms[name].names
    dead_letter_queue    = module.queues[name].dead_letter_queue
    event_source_mapping = consumer.event_source_mapping
    function             = consumer.function
    metrics_namespace    = consumer.metrics_namespace
    output               = consumer.output
    queue                = module.queues[name].queue
    role                 = consumer.role
  } }
}

output "dashboard" {
  description = "The dashboard: name, url; null without one."
  value       = one([for dashboard in module.dashboard : { name = dashboard.name, url = dashboard.url }])
}

output "kms_key_statements" {
  description = "Statements for the policy of the key in kms_key_arn, which let S3, SNS, EventBridge, CloudWatch and CloudWatch Logs use it for this pipeline."
  value       = local.kms_key_statements
}

output "ledger" {
  description = "The processing ledger's table: arn, name; null without one."
  value       = one(module.ledger[*].table)
}

output "notifications" {
  description = "What the bucket's notification configuration has for this pipeline: eventbridge, functions, queues and topics of modules/bucket-notifications."
  value = {
    eventbridge = var.route == "eventbridge"

    functions = { for name, filter in module.filters :
      name => merge(filter.wanted, { arn = module.consumers[name].function.arn })
      if local.notified_by_s3[name] == "function"
    }
    queues = { for name, filter in module.filters :
      name => merge(filter.wanted, { arn = module.queues[name].arn }) if local.notified_by_s3[name] == "queue"
    }
    topics = var.route != "topic" ? {} : { files = merge(module.filter.wanted, { arn = module.topic.arn }) }
  }
}

output "topic" {
  description = "The topic for events on route topic: arn, name. Other queues can subscribe to it with modules/queue-with-dlq."
  value       = { arn = module.topic.arn, name = module.topic.name }
}
