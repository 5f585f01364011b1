output "bucket" {
  description = "The bucket of the files, available after the queue can receive events: arn, name."
  value       = { arn = module.bucket.arn, name = module.bucket.name }

  depends_on = [module.notifications, module.queue, module.rule, module.transform]
}

output "consumers" {
  description = "Each consumer: its function, role, queue and dead_letter_queue."
  value = { transform = {
    dead_letter_queue = module.queue.dead_letter_queue
    function          = module.transform.function
    queue             = module.queue.queue
    role              = module.transform.role
  } }
}

output "rule" {
  description = "The rule: arn, pattern, its archive, and the queue of undeliverable events."
  value = {
    archive           = module.rule.archive
    arn               = module.rule.arn
    dead_letter_queue = module.rule.dead_letter_queue
    pattern           = module.rule.pattern
  }
}
