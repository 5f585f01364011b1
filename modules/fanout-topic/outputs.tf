output "arn" {
  description = "ARN of the topic, policy in place."
  value       = aws_sns_topic.this.arn
}

output "kms_key_statements" {
  description = "Statements for the policy of the key in kms_key_arn, which let each publisher use it."
  value       = local.kms_key_statements
}

output "kms_key_statements_for_subscribers" {
  description = "Statements for the policy of the key that subscribing queues are encrypted with, which let the topic deliver to them. They are made of the topic's name, so the key may be the topic's own."
  value       = local.kms_key_statements_for_subscribers
}

output "name" {
  description = "Name of the topic."
  value       = aws_sns_topic.this.name
}
