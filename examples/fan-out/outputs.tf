output "bucket" {
  description = "The bucket of the files, available after both queues can receive events: arn, name."
  value       = { arn = module.bucket.arn, name = module.bucket.name }

  depends_on = [module.consumers, module.notifications, module.queues]
}

output "consumers" {
  description = "Each consumer: its function, role, queue and dead_letter_queue."
  value = { for name, consumer in module.consumers : name => {
    dead_letter_queue = module.queues[name].dead_letter_queue
    function          = consumer.function
    queue             = module.queues[name].queue
    role              = consumer.role
  } }
}
