output "arn" {
  description = "ARN of the topic, available after its policy is set."
  value       = aws_sns_topic.this.arn
}

output "kms_key_statements" {
  description = "Statements for the policy of the key in kms_key_arn, which let each publisher use it."
  value       = local.kms_key_statements
}

output "kms_key_statements_for_subscribers" {
  description = "Statements for the policy of the key of subscribing queues, which let the topic deliver to them. They are built from the topic's name, so the key may be the topic's own."
  value       = local.kms_key_statements_for_subscribers
}

output "name" {
  description = "Name of the topic."
  value       = aws_sns_topic.this.name
}
