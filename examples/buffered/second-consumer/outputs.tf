output "consumers" {
  description = "The consumer: its function, role, queue and dead_letter_queue."
  value = { audit = {
    dead_letter_queue = module.queue.dead_letter_queue
    function          = module.audit.function
    queue             = module.queue.queue
    role              = module.audit.role
  } }
}
