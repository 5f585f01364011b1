# What each function is told, and what it may do: read the files it is sent, write its output.
locals {
  environments = { for name, consumer in var.consumers : name => merge(
    {
      CONSUMER          = name
      METRICS_NAMESPACE = "ObjectPipeline"
      OBJECT_FILTER     = jsonencode(merge(consumer.filter, { prefixes = local.prefixes[name] }))
      PIPELINE          = var.name
    },
    consumer.output == null ? {} : {
      OUTPUT_BUCKET = local.outputs[name].bucket
      OUTPUT_PREFIX = local.outputs[name].prefix
    },
  ) }

  policy_statements = { for name, consumer in var.consumers : name => merge(
    {
      read_files = {
        actions   = ["s3:GetObject", "s3:GetObjectVersion"]
        resources = [for prefix in(length(local.prefixes[name]) > 0 ? local.prefixes[name] : [""]) : "${local.bucket_arn}/${prefix}*"]
      }
      # Without it S3 answers 403 for a file that is gone, as if permissions were missing.
      tell_missing_files = {
        actions   = ["s3:ListBucket"]
        resources = [local.bucket_arn]
      }
    },
    { for key, statement in {
      write_output = {
        actions   = ["s3:PutObject"]
        resources = ["arn:${local.partition}:s3:::${try(local.outputs[name].bucket, "")}/${try(local.outputs[name].prefix, "")}*"]
      }
    } : key => statement if consumer.output != null },
    { for key, statement in {
      use_key = {
        actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
        resources = [var.kms_key_arn]
      }
    } : key => statement if var.kms_key_arn != null },
  ) }
}
