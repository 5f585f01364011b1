output "body" {
  description = "The dashboard's JSON, known at plan time."
  value       = local.body
}

output "name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "url" {
  description = "Where the dashboard is in the console; null outside the partitions aws, aws-cn and aws-us-gov."
  value = local.console == null ? null : join("", [
    "https://${local.console}/cloudwatch/home?region=${local.region}",
    "#dashboards:name=${aws_cloudwatch_dashboard.this.dashboard_name}",
  ])
}
