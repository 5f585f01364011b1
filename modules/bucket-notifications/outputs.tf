output "bucket" {
  description = "Name of the bucket, available after its notifications are configured."
  value       = aws_s3_bucket_notification.this.bucket
}

output "notifications" {
  description = "The notifications of each target, such as queues.load: arn, events, filter_prefix, filter_suffix, in S3's encoding."
  value       = local.notifications
}
