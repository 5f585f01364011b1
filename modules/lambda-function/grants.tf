# What reads, writes and the failure destination let the function do.

locals {
  arns_read = flatten([for read in var.reads : [for prefix in coalescelist(read.prefixes, [""]) :
    "arn:${local.partition}:s3:::${read.bucket}/${lookup(module.keys.role_policy_keys, prefix, "*")}"
  ]])
  arns_written = flatten([for write in var.writes : [for prefix in coalescelist(write.prefixes, [""]) :
    "arn:${local.partition}:s3:::${write.bucket}/${lookup(module.keys.role_policy_keys, prefix, "*")}"
  ]])
  buckets_read = distinct([for read in var.reads : "arn:${local.partition}:s3:::${read.bucket}"])

  # An upload in parts needs kms:Decrypt too, and so does a message to an encrypted queue.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
  encrypting_keys = distinct(compact(concat(values(var.writes)[*].kms_key_arn, local.on_failure[*].kms_key_arn)))
  decrypting_keys = distinct(compact(concat(values(var.reads)[*].kms_key_arn, local.encrypting_keys)))

  granted = merge(
    # Events of a bucket with versions name one, and need the second action; those of a bucket without, and those that
    # `pipeline replay` writes, name none and need the first.
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    length(var.reads) == 0 ? {} : { read_files = {
      Sid      = "ReadFiles"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:GetObjectVersion"]
      Resource = local.arns_read
    } },
    # Without it S3 answers 403 for a file that is gone, as if permissions were missing.
    length(var.reads) == 0 ? {} : { tell_missing_files = {
      Sid      = "TellMissingFiles"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = local.buckets_read
    } },
    # What is uploaded in parts and fails has to be aborted, or its parts stay.
    length(var.writes) == 0 ? {} : { write_output = {
      Sid      = "WriteOutput"
      Effect   = "Allow"
      Action   = ["s3:AbortMultipartUpload", "s3:PutObject"]
      Resource = local.arns_written
    } },
    length(local.decrypting_keys) == 0 ? {} : { decrypt = {
      Sid      = "Decrypt"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = local.decrypting_keys
    } },
    length(local.encrypting_keys) == 0 ? {} : { encrypt = {
      Sid      = "Encrypt"
      Effect   = "Allow"
      Action   = ["kms:GenerateDataKey"]
      Resource = local.encrypting_keys
    } },
  )
}

module "keys" {
  source = "../object-filter"

  name   = "reads and writes of ${var.name}"
  within = { prefixes = flatten(concat(values(var.reads)[*].prefixes, values(var.writes)[*].prefixes)) }
}
