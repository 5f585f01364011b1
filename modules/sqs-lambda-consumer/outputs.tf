output "event_source_mapping" {
  description = "The mapping from the queue to the function: arn, uuid."
  value = {
    arn  = aws_lambda_event_source_mapping.this.arn
    uuid = aws_lambda_event_source_mapping.this.uuid
  }
}

output "function" {
  description = "The function: arn, log_group_name, name."
  value = {
    arn            = module.function.arn
    log_group_name = module.function.log_group_name
    name           = module.function.name
  }
}

output "kms_key_statements" {
  description = "Statements for the policy of the key in kms_key_arn, which let CloudWatch Logs use it."
  value       = module.function.kms_key_statements
}

output "role" {
  description = "The function's role: arn, name. Attach further policies to the name."
  value       = module.function.role
}
