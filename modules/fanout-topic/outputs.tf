output "arn" {
  description = "ARN of the topic, policy in place."
  value       = aws_sns_topic.this.arn
}

output "kms_key_statements" {
  description = "Statements for the policy of the key in kms_key_arn, which let each publisher use it."
  value       = local.kms_key_statements
}

output "name" {
  description = "Name of the topic."
  value       = aws_sns_topic.this.name
}
