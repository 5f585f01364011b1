output "bucket" {
  description = "Name of the bucket, once its notifications are configured."
  value       = aws_s3_bucket_notification.this.bucket
}

output "notifications" {
  description = "The notifications of each target, such as queues.load: arn, events, filter_prefix, filter_suffix, spelled as S3 compares them."
  value       = local.notifications
}
