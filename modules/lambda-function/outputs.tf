output "arn" {
  description = "ARN of the function, available after its permissions and its on-failure destination are configured."
  value       = aws_lambda_function.this.arn

  depends_on = [aws_lambda_function_event_invoke_config.this, aws_lambda_permission.this]
}

output "environment" {
  description = "The environment variables."
  value       = var.environment
}

output "kms_key_statements" {
  description = "Statements for the policy of the key in kms_key_arn, which let CloudWatch Logs use it."
  value       = local.kms_key_statements
}

output "log_group_name" {
  description = "Name of the log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "memory_size" {
  description = "MB of memory."
  value       = var.memory_size
}

output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "policy" {
  description = "The role's policy, as JSON; what an existing role needs."
  value       = local.policy
}

output "role" {
  description = "The function's role: arn, name. Attach further policies to the name."
  value = {
    arn  = local.role_arn
    name = local.makes_role ? aws_iam_role.this[0].name : reverse(split("/", var.role.existing.arn))[0]
  }
}

output "timeout" {
  description = "Timeout of an invocation in seconds."
  value       = var.timeout
}
