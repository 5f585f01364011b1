output "alarms" {
  description = "Name of each consumer's alarm on its rate of errors."
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.error_rate : name => alarm.alarm_name }
}

output "function" {
  description = "The breaker's function: arn, log_group_name, name."
  value = {
    arn            = module.function.arn
    log_group_name = module.function.log_group_name
    name           = module.function.name
  }
}

output "role" {
  description = "The function's role: arn, name."
  value       = module.function.role
}
