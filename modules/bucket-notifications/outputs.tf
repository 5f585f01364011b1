output "bucket" {
  description = "Name of the bucket, once its notifications are configured."
  value       = aws_s3_bucket_notification.this.bucket
}
