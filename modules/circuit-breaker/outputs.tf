output "alarms" {
  description = "Name of each consumer's alarm on its error rate."
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.error_rate : name => alarm.alarm_name }
}

output "function" {
  description = "The breaker's function: arn, log_group_name, name."
  value = {
    arn = module.function.arn, log_group_name = module.function.log_group_name, name = module.function.name
  }
}

output "kms_key_statements" {
  description = "Statements for the policy of the key in kms_key_arn, which let CloudWatch Logs use it."
  value       = module.function.kms_key_statements
}

output "role" {
  description = "The function's role: arn, name."
  value       = module.function.role
}
