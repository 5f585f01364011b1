output "arn" {
  description = "ARN of the queue, available after its policies are set."
  value       = aws_sqs_queue.this.arn
}

output "dead_letter_queue" {
  description = "The dead-letter queue: arn, name, url."
  value = {
    arn = aws_sqs_queue.dead_letter.arn, name = aws_sqs_queue.dead_letter.name, url = aws_sqs_queue.dead_letter.url
  }
}

output "kms_key_statements" {
  description = "Statements for the policy of the key in kms_key_arn, which let the topics and senders use it. They contain the topics' ARNs: if the key also encrypts one of the topics, see the README."
  value       = local.kms_key_statements
}

output "name" {
  description = "Name of the queue."
  value       = aws_sqs_queue.this.name
}

output "queue" {
  description = "Everything that a consumer needs to know about the queue: pass it to sqs-lambda-consumer."
  value = {
    arn                        = aws_sqs_queue.this.arn
    name                       = local.name
    url                        = aws_sqs_queue.this.url
    fifo                       = var.fifo != null
    kms_key_arn                = var.kms_key_arn
    max_receive_count          = var.max_receive_count
    message_retention_seconds  = var.message_retention_seconds
    visibility_timeout_seconds = local.visibility_timeout_seconds
    dead_letter_queue = {
      arn = aws_sqs_queue.dead_letter.arn, name = local.dlq_name, url = aws_sqs_queue.dead_letter.url
    }
  }
}

output "subscription_arns" {
  description = "ARN of each subscription, by its name."
  value       = { for name, subscription in aws_sns_topic_subscription.this : name => subscription.arn }
}

output "url" {
  description = "URL of the queue."
  value       = aws_sqs_queue.this.url
}
