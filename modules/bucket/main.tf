# Returns region and partition with providers 5 and 6; aws_region causes a deprecation warning.
data "aws_service" "current" { service_id = "s3" }

locals {
  partition = data.aws_service.current.partition
  region    = data.aws_service.current.region
  arn       = "arn:${local.partition}:s3:::${var.name}"

  sids    = { for name in keys(var.readers) : name => replace(title(replace(name, "/[-_]/", " ")), " ", "") }
  readers = { for name, reader in var.readers : name => { AWS = "arn:${local.partition}:iam::${reader.account}:root" } }

  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-walkthroughs-managing-access-example2.html
  allow_readers = flatten([for name, reader in var.readers : concat(
    [{
      Sid       = "AllowReader${local.sids[name]}"
      Effect    = "Allow"
      Principal = local.readers[name]
      Action    = ["s3:GetObject", "s3:GetObjectVersion"]
      Resource  = module.readable.arns[name]
    }],
    reader.list ? [{
      Sid       = "AllowListBy${local.sids[name]}"
      Effect    = "Allow"
      Principal = local.readers[name]
      Action    = ["s3:ListBucket"]
      Resource  = [local.arn]
    }] : [],
  )])

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "DenyWithoutTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.arn, "${local.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      local.allow_readers,
    )
  })

  # Built without var.kms_key_arn, so that the key's own policy can contain them.
  # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
  kms_key_statements = [for name in keys(var.readers) : {
    Sid       = "AllowReader${local.sids[name]}"
    Effect    = "Allow"
    Principal = local.readers[name]
    Action    = ["kms:Decrypt"]
    Resource  = "*"
    Condition = { StringEquals = {
      "kms:ViaService" = "s3.${local.region}.amazonaws.com${local.partition == "aws-cn" ? ".cn" : ""}"
    } }
  }]
}

module "readable" {
  source = "../object-arns"

  name      = "readers"
  partition = local.partition
  objects   = { for name, reader in var.readers : name => { bucket = var.name, prefixes = reader.prefixes } }
}

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_18:access_logs decides, which needs a bucket of the account; CloudTrail's data events need none
  # checkov:skip=CKV_AWS_144:What has to be in a second region is its owner's decision; a replica would be processed there
  # checkov:skip=CKV2_AWS_62:Module bucket-notifications makes them: a bucket has one configuration, whoever owns it
  bucket        = var.name
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule { object_ownership = "BucketOwnerEnforced" }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration { status = var.versioning ? "Enabled" : "Suspended" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      kms_master_key_id = var.kms_key_arn
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  count = var.access_logs == null ? 0 : 1

  bucket        = aws_s3_bucket.this.id
  target_bucket = var.access_logs.bucket
  target_prefix = var.access_logs.prefix

  target_object_key_format {
    dynamic "partitioned_prefix" {
      for_each = var.access_logs.partitioned_by == null ? [] : [var.access_logs.partitioned_by]

      content { partition_date_source = partitioned_prefix.value }
    }

    dynamic "simple_prefix" {
      for_each = var.access_logs.partitioned_by == null ? [true] : []

      content {}
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "remove-leftovers"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload { days_after_initiation = var.lifecycle_rules.incomplete_multipart_days }

    # The delete marker of an object without other versions.
    expiration { expired_object_delete_marker = true }

    noncurrent_version_expiration { noncurrent_days = var.lifecycle_rules.noncurrent_version_days }
  }

  dynamic "rule" {
    for_each = var.lifecycle_rules.expire

    content {
      id     = "expire-${rule.key}"
      status = "Enabled"

      filter { prefix = rule.value.prefix }

      expiration { days = rule.value.days }
    }
  }

  # Versioning must be enabled before a rule refers to versions.
  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = local.policy

  lifecycle {
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html
    precondition {
      condition     = length(local.policy) <= 20480
      error_message = "A bucket policy has at most 20 KB (20480 bytes), but this one has ${length(local.policy)}. Use fewer prefixes in readers, a shorter common prefix, or fewer accounts."
    }
  }

  # S3 checks a new policy against the current public access block.
  depends_on = [aws_s3_bucket_public_access_block.this]
}
