output "alerts_topic" {
  description = "The topic for notifications of alarms: arn."
  value       = { arn = module.alerts.arn }
}

output "bucket" {
  description = "The bucket of the files, available after the queue can receive events: arn, name."
  value       = { arn = module.bucket.arn, name = module.bucket.name }

  depends_on = [module.notifications, module.queue, module.transform]
}

output "consumers" {
  description = "Each consumer: its function, role, queue and dead_letter_queue."
  value = { transform = {
    alarms            = module.alarms.names
    dead_letter_queue = module.queue.dead_letter_queue
    function          = module.transform.function
    queue             = module.queue.queue
    role              = module.transform.role
  } }
}
