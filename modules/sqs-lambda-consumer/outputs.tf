output "environment" {
  description = "The function's environment variables."
  value       = module.function.environment
}

output "event_source_mapping" {
  description = "The event source mapping from the queue to the function: arn, uuid."
  value       = { arn = aws_lambda_event_source_mapping.this.arn, uuid = aws_lambda_event_source_mapping.this.uuid }
}

output "function" {
  description = "The function: arn, log_group_name, memory_size (MB), name, timeout (seconds)."
  value = {
    arn            = module.function.arn
    log_group_name = module.function.log_group_name
    memory_size    = module.function.memory_size
    name           = module.function.name
    timeout        = module.function.timeout
  }
}

output "kms_key_statements" {
  description = "Statements for the policy of the key in kms_key_arn, which let CloudWatch Logs use it."
  value       = module.function.kms_key_statements
}

output "metrics_namespace" {
  description = "CloudWatch namespace of the function's metrics; null without metrics."
  value       = try(var.pipeline.metrics_namespace, null)
}

output "output" {
  description = "Where the function writes: bucket, prefix, kms_key_arn; null for none."
  value       = var.output
}

output "policy" {
  description = "The policy of the function's role, as JSON."
  value       = module.function.policy
}

output "role" {
  description = "The function's role: arn, name. Attach further policies to the name."
  value       = module.function.role
}
