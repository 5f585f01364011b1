output "bucket" {
  description = "The bucket of the files, available after the consumer can receive events: arn, name."
  value       = module.pipeline.bucket
}

output "consumers" {
  description = "Each consumer: its function, role, queue and dead_letter_queue."
  value       = module.pipeline.consumers
}
