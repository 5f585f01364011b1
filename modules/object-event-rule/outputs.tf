output "archive" {
  description = "The archive: arn, name; null without one."
  value       = one([for archive in aws_cloudwatch_event_archive.this : { arn = archive.arn, name = archive.name }])
}

output "arn" {
  description = "ARN of the rule, available after its targets are configured."
  value       = aws_cloudwatch_event_rule.this.arn

  depends_on = [aws_cloudwatch_event_target.this]
}

output "dead_letter_queue" {
  description = "The queue that the module created for undeliverable events: arn, name, url; null if you set dead_letter_queue."
  value       = one([for queue in aws_sqs_queue.undelivered : { arn = queue.arn, name = queue.name, url = queue.url }])
}

output "kms_key_statements" {
  description = "Statements for the policy of the key in kms_key_arn, which let the rule send to its encrypted queue."
  value       = local.kms_key_statements
}

output "name" {
  description = "Name of the rule."
  value       = aws_cloudwatch_event_rule.this.name
}

output "pattern" {
  description = "The event pattern, as JSON text."
  value       = module.filter.event_pattern
}

output "role" {
  description = "The role with which the rule publishes to topics: arn, name; null without topics."
  value       = one([for role in aws_iam_role.topics : { arn = role.arn, name = role.name }])
}
