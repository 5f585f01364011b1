data "aws_caller_identity" "current" {}

data "aws_service" "current" { service_id = "lambda" }

# The names are those that the root module gives. What a request is about, and which condition keys it has:
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
locals {
  partition  = data.aws_service.current.partition
  arn_suffix = "${data.aws_service.current.region}:${data.aws_caller_identity.current.account_id}"
  arns = { for service in ["cloudwatch", "dynamodb", "lambda", "logs", "sqs"] :
    service => "arn:${local.partition}:${service}:${local.arn_suffix}"
  }
  table_arn = "${local.arns.dynamodb}:table/${var.name}-ledger"

  # Functions, queues and alarms of the pipeline, whichever its consumers are.
  function_arns   = "${local.arns.lambda}:function:${var.name}-*"
  queue_arns      = "${local.arns.sqs}:${var.name}-*"
  log_group_arns  = "${local.arns.logs}:log-group:/aws/lambda/${var.name}-*"
  dead_letter_arn = "${local.arns.sqs}:${var.name}-*-dlq"
  bucket_arn      = "arn:${local.partition}:s3:::${var.bucket}"

  output_buckets = setsubtract(compact(values(var.outputs)[*].bucket), [var.bucket])

  reading = {
    # Neither action knows a function's ARN.
    FindFunctions = { actions = ["lambda:ListEventSourceMappings", "lambda:ListFunctions"], resources = ["*"] }
    ReadFunctions = {
      actions   = ["lambda:GetFunctionConfiguration", "lambda:GetPolicy"]
      resources = [local.function_arns]
    }
    ReadMappings  = merge(local.mappings, { actions = ["lambda:GetEventSourceMapping"] })
    CountMessages = { actions = ["sqs:GetQueueAttributes"], resources = [local.queue_arns] }
    # To read a message, a client has to receive it; the tool makes it visible again.
    LookIntoDeadLetterQueues = {
      actions   = ["sqs:ChangeMessageVisibility", "sqs:ReceiveMessage"]
      resources = [local.dead_letter_arn]
    }
    # The tool requests them by a name prefix, which needs permission on all alarms.
    ReadAlarms = { actions = ["cloudwatch:DescribeAlarms"], resources = ["${local.arns.cloudwatch}:alarm:*"] }
    # Metrics have no ARN.
    ReadMetrics = { actions = ["cloudwatch:GetMetricStatistics"], resources = ["*"] }
    ReadLogs    = { actions = ["logs:FilterLogEvents"], resources = [local.log_group_arns] }
    # Show whether another configuration has replaced the bucket's notifications. The second has no resource type.
    ReadNotification = { actions = ["s3:GetBucketNotification"], resources = [local.bucket_arn] }
    FindRules        = { actions = ["events:ListRuleNamesByTarget"], resources = ["*"] }
    ListFiles        = { actions = ["s3:ListBucket", "s3:ListBucketVersions"], resources = [local.bucket_arn] }
    ReadLedger = var.ledger ? {
      actions   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
      resources = [local.table_arn]
    } : null
    # HeadObject checks that an output exists. Without ListBucket, S3 returns 403 if it doesn't.
    FindOutputs = length(var.outputs) > 0 ? {
      actions   = ["s3:GetObject"]
      resources = distinct(flatten(values(module.outputs.role_arns)))
    } : null
    MissOutputs = length(local.output_buckets) > 0 ? {
      actions   = ["s3:ListBucket"]
      resources = [for bucket in local.output_buckets : "arn:${local.partition}:s3:::${bucket}"]
    } : null
    # Lambda, DynamoDB and SQS decrypt environments, the ledger and messages on behalf of the caller.
    UseKeys = length(var.kms_key_arns) > 0 ? { actions = ["kms:Decrypt"], resources = sort(var.kms_key_arns) } : null
  }

  changing = {
    SendMessages       = { actions = ["sqs:SendMessage"], resources = [local.queue_arns] }
    DeleteDeadLetters  = { actions = ["sqs:DeleteMessage"], resources = [local.dead_letter_arn] }
    SwitchMappings     = merge(local.mappings, { actions = ["lambda:UpdateEventSourceMapping"] })
    TellCircuitBreaker = var.ledger ? { actions = ["dynamodb:PutItem"], resources = [local.table_arn] } : null
    UseKeys = length(var.kms_key_arns) > 0 ? {
      actions   = ["kms:GenerateDataKey"]
      resources = sort(var.kms_key_arns)
    } : null
  }

  # A mapping has a random ID, and is known by its function.
  # https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html
  mappings = {
    resources  = ["${local.arns.lambda}:event-source-mapping:*"]
    conditions = { ArnLike = { "lambda:FunctionArn" = local.function_arns } }
  }

  documents = { for name, statements in { changing = local.changing, reading = local.reading } : name => jsonencode({
    Version = "2012-10-17"
    Statement = [for sid, statement in statements : merge(
      { Sid = sid, Effect = "Allow", Action = statement.actions, Resource = statement.resources },
      try({ Condition = statement.conditions }, {}),
    ) if statement != null]
  }) }
}

module "outputs" {
  source = "../object-arns"

  name      = "outputs"
  partition = local.partition
  objects = { for name, output in var.outputs : name => {
    bucket   = coalesce(output.bucket, var.bucket)
    prefixes = compact([output.prefix])
  } }
}
