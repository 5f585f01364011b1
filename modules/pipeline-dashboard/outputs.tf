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
  value = one([for console in [lookup({
    aws        = "console.aws.amazon.com"
    aws-cn     = "console.amazonaws.cn"
    aws-us-gov = "console.amazonaws-us-gov.com"
  }, local.partition, null)] : "https://${console}/cloudwatch/home?region=${local.region}#dashboards:name=${aws_cloudwatch_dashboard.this.dashboard_name}" if console != null])
}
