# What each function is told, and what it may do: read the files it is sent, write its output.
locals {
  # IAM reads *, ? and $ in a resource as wildcards and variables; in a key they are characters.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
  literal = { for prefix in distinct(concat([""], flatten([for filter in local.wanted : filter.prefixes]), [for output in local.outputs : output.prefix])) :
    prefix => replace(replace(replace(prefix, "$", "$${$}"), "*", "$${*}"), "?", "$${?}")
  }

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
    {
      read_files = {
        actions   = ["s3:GetObject", "s3:GetObjectVersion"]
        resources = [for prefix in coalescelist(local.wanted[name].prefixes, [""]) : "${local.bucket_arn}/${local.literal[prefix]}*"]
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
      use_key = {
        actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
        resources = [var.kms_key_arn]
      }
    } : key => statement if var.kms_key_arn != null },
  ) }
}
