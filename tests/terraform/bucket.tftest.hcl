mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  name = "example-files"
}

run "a_bucket_is_private_versioned_and_encrypted_by_default" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "Public access is not blocked."
  }

  assert {
    condition     = aws_s3_bucket_ownership_controls.this.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "Objects written by others would not belong to the bucket's owner."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Versioning is off."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Objects are not encrypted with S3's own key."
  }

  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "Destroying the bucket would delete its files."
  }
}

run "requests_without_tls_are_denied_for_the_bucket_and_its_objects" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this.policy).Statement == [{
      Sid       = "DenyWithoutTLS"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::example-files", "arn:aws:s3:::example-files/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "The bucket's policy is not the TLS-only one: ${aws_s3_bucket_policy.this.policy}"
  }
}

run "leftovers_are_removed_and_processed_files_expire" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    lifecycle_rules = { expire = { processed = { prefix = "processed/", days = 90 } } }
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this.rule[0].abort_incomplete_multipart_upload[0].days_after_initiation == 7
    error_message = "Unfinished uploads stay."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this.rule[0].noncurrent_version_expiration[0].noncurrent_days == 30
    error_message = "Old versions stay."
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.this.rule[1].id == "expire-processed"
      && aws_s3_bucket_lifecycle_configuration.this.rule[1].filter[0].prefix == "processed/"
      && aws_s3_bucket_lifecycle_configuration.this.rule[1].expiration[0].days == 90
    )
    error_message = "Files under processed/ don't expire after 90 days."
  }
}

run "a_customer_managed_key_encrypts_with_a_bucket_key" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition = (
      one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
      && one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn
      && one(aws_s3_bucket_server_side_encryption_configuration.this.rule).bucket_key_enabled
    )
    error_message = "The key is not used, or every object asks KMS for one of its own."
  }
}

run "a_key_alias_is_refused" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    kms_key_arn = "alias/aws/s3"
  }

  expect_failures = [var.kms_key_arn]
}

run "a_name_s3_would_refuse_is_refused_at_plan" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name = "Example_Files"
  }

  expect_failures = [var.name]
}

run "expiring_every_file_is_refused" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    lifecycle_rules = { expire = { everything = { prefix = "", days = 1 } } }
  }

  expect_failures = [var.lifecycle_rules]
}

run "keeping_old_versions_for_no_time_is_refused" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    lifecycle_rules = { noncurrent_version_days = 0 }
  }

  expect_failures = [var.lifecycle_rules]
}

run "another_account_may_read_what_it_is_named_for" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name = "example-orders"
    readers = {
      audit-team = { account = "444455556666", list = true, prefixes = ["incoming/", "a*?$/"] }
      backup     = { account = "777788889999" }
    }
  }

  assert {
    condition = jsonencode(slice(jsondecode(aws_s3_bucket_policy.this.policy).Statement, 1, 4)) == jsonencode([
      {
        Sid       = "AllowReaderAuditTeam"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::444455556666:root" }
        Action    = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource  = ["arn:aws:s3:::example-orders/incoming/*", "arn:aws:s3:::example-orders/a$${*}$${?}$${$}/*"]
      },
      {
        Sid       = "AllowListByAuditTeam"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::444455556666:root" }
        Action    = ["s3:ListBucket"]
        Resource  = ["arn:aws:s3:::example-orders"]
      },
      {
        Sid       = "AllowReaderBackup"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::777788889999:root" }
        Action    = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource  = ["arn:aws:s3:::example-orders/*"]
      },
    ])
    error_message = "The policy is ${aws_s3_bucket_policy.this.policy}"
  }

  assert {
    condition = jsonencode(output.kms_key_statements[0]) == jsonencode({
      Sid       = "AllowReaderAuditTeam"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::444455556666:root" }
      Action    = ["kms:Decrypt"]
      Resource  = "*"
      Condition = { StringEquals = { "kms:ViaService" = "s3.eu-west-1.amazonaws.com" } }
    })
    error_message = "The statements are ${jsonencode(output.kms_key_statements)}"
  }
}

run "a_reader_that_is_no_account_is_refused" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    readers = { audit = { account = "arn:aws:iam::444455556666:root" } }
  }

  expect_failures = [var.readers]
}

run "an_empty_prefix_of_a_reader_is_refused" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    readers = { audit = { account = "444455556666", prefixes = [""] } }
  }

  expect_failures = [var.readers]
}

run "expiring_under_a_prefix_that_begins_with_a_slash_is_refused" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    lifecycle_rules = { expire = { processed = { prefix = "/processed/", days = 1 } } }
  }

  expect_failures = [var.lifecycle_rules]
}

run "access_is_logged_to_another_bucket_by_date_if_asked" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    access_logs = { bucket = "example-logs", prefix = "files/", partitioned_by = "EventTime" }
  }

  assert {
    condition = (
      aws_s3_bucket_logging.this[0].target_bucket == "example-logs" && aws_s3_bucket_logging.this[0].target_prefix == "files/"
      && aws_s3_bucket_logging.this[0].target_object_key_format[0].partitioned_prefix[0].partition_date_source == "EventTime"
    )
    error_message = "The access logs are ${jsonencode(aws_s3_bucket_logging.this)}"
  }
}

run "access_logs_have_simple_keys_by_default" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    access_logs = { bucket = "example-logs" }
  }

  assert {
    condition     = length(aws_s3_bucket_logging.this[0].target_object_key_format[0].simple_prefix) == 1 && aws_s3_bucket_logging.this[0].target_prefix == ""
    error_message = "The access logs are ${jsonencode(aws_s3_bucket_logging.this)}"
  }
}

run "access_logs_in_the_bucket_itself_are_refused" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    access_logs = { bucket = "example-files" }
  }

  expect_failures = [var.access_logs]
}

run "access_logs_by_no_date_of_s3_are_refused" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    access_logs = { bucket = "example-logs", partitioned_by = "Date" }
  }

  expect_failures = [var.access_logs]
}
