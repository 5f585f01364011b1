output "eventbridge" {
  description = "Everything that the root module tells of itself."
  value       = module.eventbridge
}

output "function" {
  description = "Everything that the root module tells of itself."
  value       = module.function
}

output "queue" {
  description = "Everything that the root module tells of itself."
  value       = module.queue
}

output "topic" {
  description = "Everything that the root module tells of itself."
  value       = module.topic
}
