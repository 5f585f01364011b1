# What reads, writes and the failure destination let the function do.

locals {
  s3_arns = "arn:${local.partition}:s3:::"
  grants  = { read = values(var.reads), written = values(var.writes) }
  arns = {
    read    = flatten([for name in keys(var.reads) : module.objects.role_arns["reads.${name}"]])
    written = flatten([for name in keys(var.writes) : module.objects.role_arns["writes.${name}"]])
  }
  buckets_read = distinct([for bucket in local.grants.read[*].bucket : "${local.s3_arns}${bucket}"])

  # An upload in parts needs kms:Decrypt too, and so does a message to an encrypted queue.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
  encrypting_keys = distinct(compact(concat(local.grants.written[*].kms_key_arn, local.on_failure[*].kms_key_arn)))
  decrypting_keys = distinct(compact(concat(local.grants.read[*].kms_key_arn, local.encrypting_keys)))

  write_file_system = anytrue(var.file_system[*].read_only) ? [] : ["elasticfilesystem:ClientWrite"]

  granted = merge(
    # Events of a bucket with versions name one, and need the second action; those of a bucket without, and those that
    # `pipeline replay` writes, name none and need the first.
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    length(var.reads) == 0 ? {} : {
      read_files = { actions = ["s3:GetObject", "s3:GetObjectVersion"], resources = local.arns.read }
    },
    # Without it S3 answers 403 for a file that is gone, as if permissions were missing.
    length(var.reads) == 0 ? {} : {
      tell_missing_files = { actions = ["s3:ListBucket"], resources = local.buckets_read }
    },
    # What is uploaded in parts and fails has to be aborted, or its parts stay.
    length(var.writes) == 0 ? {} : {
      write_output = { actions = ["s3:AbortMultipartUpload", "s3:PutObject"], resources = local.arns.written }
    },
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html
    # https://docs.aws.amazon.com/efs/latest/ug/access-points-iam-policy.html
    var.file_system == null ? {} : {
      # parliament:skip=MISMATCHED_TYPE_BUT_USABLE:MountFileSystem:AWS's page compares the ARN with StringEquals
      mount_file_system = {
        actions    = concat(["elasticfilesystem:ClientMount"], local.write_file_system)
        resources  = ["arn:${local.partition}:elasticfilesystem:${local.region}:${local.account}:file-system/*"]
        conditions = { StringEquals = { "elasticfilesystem:AccessPointArn" = var.file_system[*].access_point_arn } }
      }
    },
    length(local.decrypting_keys) == 0 ? {} : {
      decrypt = { actions = ["kms:Decrypt"], resources = local.decrypting_keys }
    },
    length(local.encrypting_keys) == 0 ? {} : {
      encrypt = { actions = ["kms:GenerateDataKey"], resources = local.encrypting_keys }
    },
  )
}

module "objects" {
  source = "../object-arns"

  name      = "reads or writes of ${var.name}"
  partition = local.partition
  objects = merge(
    { for name, grant in var.reads : "reads.${name}" => grant },
    { for name, grant in var.writes : "writes.${name}" => grant },
  )
}
