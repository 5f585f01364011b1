# What each function is told, and what it may do: read the files it is sent, write its output.
locals {
  # IAM reads *, ? and $ in a resource as wildcards and variables; in a key they are characters.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
  # A policy takes no character above U+00FF, so a wildcard stands for those: the function checks the whole key.
  # https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
  literal = { for prefix in distinct(concat([""], flatten([for filter in local.wanted : filter.prefixes]), [for output in local.outputs : output.prefix])) :
    prefix => replace(
      replace(replace(replace(prefix, "$", "$${$}"), "*", "$${*}"), "?", "$${?}"),
      "/[^\\t\\n\\r\\x{20}-\\x{FF}]+/", "*"
    )
  }

  # Keys of files and output that are not the pipeline's own, which each role may use for the sake of its queue.
  # An upload in parts needs kms:Decrypt too.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
  output_keys = { for name, output in local.outputs : name => [
    for arn in [output.bucket == local.bucket_name ? var.bucket.kms_key_arn : output.kms_key_arn] :
    arn if arn == null ? false : arn != var.kms_key_arn
  ] }
  decrypted_keys = { for name, consumer in var.consumers : name => distinct(concat(
    [for arn in [var.bucket.kms_key_arn] : arn if arn == null || !consumer.reads_files ? false : arn != var.kms_key_arn],
    lookup(local.output_keys, name, []),
  )) }

  environments = { for name, consumer in var.consumers : name => merge(
    {
      CONSUMER          = name
      METRICS_NAMESPACE = "ObjectPipeline"
      OBJECT_FILTER     = jsonencode(local.wanted[name])
      PIPELINE          = var.name
    },
    { for key, value in {
      LEDGER_DAYS  = try(tostring(var.ledger.days), "")
      LEDGER_TABLE = try(module.ledger[0].table.name, "")
    } : key => value if var.ledger != null },
    consumer.output == null ? {} : {
      OUTPUT_BUCKET = local.outputs[name].bucket
      OUTPUT_PREFIX = local.outputs[name].prefix
    },
  ) }

  policy_statements = { for name, consumer in var.consumers : name => merge(
    { for key, statement in {
      # Events of a bucket with versions name one, and need the second action; those of a bucket without, and those
      # that `pipeline replay` writes, name none and need the first.
      # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
      read_files = {
        actions   = ["s3:GetObject", "s3:GetObjectVersion"]
        resources = [for prefix in coalescelist(local.wanted[name].prefixes, [""]) : "${local.bucket_arn}/${local.literal[prefix]}*"]
      }
      # Without it S3 answers 403 for a file that is gone, as if permissions were missing.
      tell_missing_files = {
        actions   = ["s3:ListBucket"]
        resources = [local.bucket_arn]
      }
    } : key => statement if consumer.reads_files },
    { for key, statement in {
      # What is uploaded in parts and fails has to be aborted, or its parts stay.
      write_output = {
        actions   = ["s3:AbortMultipartUpload", "s3:PutObject"]
        resources = [for output in try([local.outputs[name]], []) : "arn:${local.partition}:s3:::${output.bucket}/${local.literal[output.prefix]}*"]
      }
    } : key => statement if consumer.output != null },
    { for key, statement in {
      claim_objects = {
        actions    = ["dynamodb:UpdateItem"]
        resources  = module.ledger[*].table.arn
        conditions = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["${var.name}/${name}"] } }
      }
    } : key => statement if var.ledger != null },
    { for key, statement in {
      decrypt_files = {
        actions   = ["kms:Decrypt"]
        resources = local.decrypted_keys[name]
      }
    } : key => statement if length(local.decrypted_keys[name]) > 0 },
    { for key, statement in {
      encrypt_output = {
        actions   = ["kms:GenerateDataKey"]
        resources = lookup(local.output_keys, name, [])
      }
    } : key => statement if length(lookup(local.output_keys, name, [])) > 0 },
  ) }
}
