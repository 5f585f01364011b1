output "bucket" {
  description = "Name of the bucket, once its notifications are configured."
  value       = aws_s3_bucket_notification.this.bucket
}

output "event_names" {
  description = "Every event name that S3 knows, such as s3:ObjectCreated:*."
  value       = local.event_names
}
