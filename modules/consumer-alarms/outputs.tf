output "names" {
  description = "Name of each alarm, by its kind."
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.alarm_name }
}
