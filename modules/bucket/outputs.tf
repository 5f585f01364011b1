output "arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "kms_key_statements" {
  description = "Statements for the policy of the key in kms_key_arn, which let the accounts in readers decrypt what they read."
  value       = local.kms_key_statements
}

output "name" {
  description = "Name of the bucket, available after its versioning, encryption and policy are configured."
  value       = aws_s3_bucket.this.bucket

  depends_on = [
    aws_s3_bucket_ownership_controls.this,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}
