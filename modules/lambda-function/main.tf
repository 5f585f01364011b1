locals {
  in_s3       = startswith(var.package, "s3://")
  package_s3  = local.in_s3 ? regex("^s3://(?P<bucket>[^/]+)/(?P<key>.+)$", var.package) : null
  module_name = trimsuffix(basename(var.package), ".zip")
  handler     = coalesce(var.handler, "${local.module_name}.handler.handler")

  statements = concat(
    [{
      Sid      = "WriteLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
    }],
    [for statement in [{
      Sid      = "WriteTraces"
      Effect   = "Allow"
      Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      Resource = ["*"]
    }] : statement if var.tracing == "Active"],
    # Network interfaces have no ARN before they exist:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    [for statement in [{
      Sid    = "ManageNetworkInterfaces"
      Effect = "Allow"
      Action = [
        "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
      ]
      Resource = ["*"]
    }] : statement if var.vpc != null],
    [for name, statement in var.policy_statements : merge(
      {
        Sid      = replace(title(replace(name, "/[^A-Za-z0-9]/", " ")), " ", "")
        Effect   = statement.effect
        Action   = statement.actions
        Resource = statement.resources
      },
      length(statement.conditions) == 0 ? {} : { Condition = statement.conditions },
    )],
  )
}

# Before the function, which would make one of its own that keeps logs for ever.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "this" {
  name = var.name
  tags = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "function"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.statements
  })
}

resource "aws_lambda_function" "this" {
  function_name                  = var.name
  description                    = var.description
  role                           = aws_iam_role.this.arn
  architectures                  = [var.architecture]
  runtime                        = var.runtime
  handler                        = local.handler
  filename                       = local.in_s3 ? null : var.package
  source_code_hash               = local.in_s3 ? null : filebase64sha256(var.package)
  s3_bucket                      = try(local.package_s3.bucket, null)
  s3_key                         = try(local.package_s3.key, null)
  s3_object_version              = var.package_version
  layers                         = var.layers
  timeout                        = var.timeout
  memory_size                    = var.memory_size
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn
  tags                           = var.tags

  ephemeral_storage {
    size = var.ephemeral_storage_mb
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  tracing_config {
    mode = var.tracing
  }

  dynamic "environment" {
    for_each = length(var.environment) == 0 ? [] : [var.environment]

    content {
      variables = environment.value
    }
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  lifecycle {
    precondition {
      condition     = var.package_version == null || local.in_s3
      error_message = "package_version goes with a package in S3; a local file is known by its hash. Remove package_version."
    }
  }

  # Without its permissions a function's first invocations fail, and Lambda refuses to map a queue to it.
  depends_on = [aws_iam_role_policy.this]
}
