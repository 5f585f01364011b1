data "aws_caller_identity" "current" {}

# Returns region and partition with providers 5 and 6; aws_region causes a deprecation warning.
data "aws_service" "current" { service_id = "lambda" }

locals {
  partition     = data.aws_service.current.partition
  region        = data.aws_service.current.region
  account       = data.aws_caller_identity.current.account_id
  function_arn  = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}"
  log_group_arn = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.name}"

  # Roles are global: the same function may be in another region, so its role names the region. What doesn't fit the 64
  # characters is cut, and told from others by a hash.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
  role_room  = 63 - length(local.role_place)
  short_name = "${substr(var.name, 0, local.role_room - 9)}-${substr(sha256(var.name), 0, 8)}"
  role_name  = "${length(var.name) <= local.role_room ? var.name : local.short_name}-${local.role_place}"

  # A role's path can't be changed, and names are unique whatever the path: a role of another path needs another name.
  role_place = join("-", concat(
    [local.region], var.role.path == "/" ? [] : [substr(sha256(var.role.path), 0, 4)],
  ))
  # A local, because checkov would take a condition on the variable for false.
  makes_role = var.role.existing == null
  role_arn   = local.makes_role ? aws_iam_role.this[0].arn : var.role.existing.arn

  # Lambda measures the JSON text in bytes, of which base64 has 4 characters for each 3.
  # Terraform writes <, > and & as six characters each.
  environment_json  = replace(jsonencode(var.environment), "/\\\\u00(26|3c|3e)/", "&")
  environment_bytes = floor(length(trim(base64encode(local.environment_json), "=")) * 3 / 4)

  in_s3      = startswith(var.package, "s3://")
  package_s3 = local.in_s3 ? regex("^s3://(?P<bucket>[^/]+)/(?P<key>.+)$", var.package) : null
  handler    = coalesce(var.handler, "${trimsuffix(basename(var.package), ".zip")}.handler.handler")

  on_failure      = var.asynchronous_invocation == null ? null : var.asynchronous_invocation.on_failure
  failure_service = local.on_failure == null ? null : split(":", local.on_failure.arn)[2]
  send_actions = {
    events = "events:PutEvents", lambda = "lambda:InvokeFunction", sns = "sns:Publish", sqs = "sqs:SendMessage"
  }

  # Built without var.kms_key_arn, so that the key's own policy can contain them.
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
  # parliament:skip=MISMATCHED_TYPE:AllowLogs*:AWS's page compares the context with ArnEquals or ArnLike
  # parliament:skip=UNKNOWN_CONDITION_FOR_ACTION:AllowLogs*:AWS's page allows kms:Describe* under this condition
  kms_key_statements = [{
    Sid       = "AllowLogsOf${replace(title(replace(var.name, "/[-_]/", " ")), " ", "")}"
    Effect    = "Allow"
    Principal = { Service = "logs.${local.region}.amazonaws.com${local.partition == "aws-cn" ? ".cn" : ""}" }
    Action    = ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    Resource  = "*"
    Condition = { ArnEquals = { "kms:EncryptionContext:aws:logs:arn" = local.log_group_arn } }
  }]

  network_interface_actions = [
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
  ]

  # Lambda manages the interfaces under the function's role, and they have no ARN before they exist. Requests by
  # the function's own code carry lambda:SourceFunctionArn, those by Lambda itself don't: without the denial the
  # code could delete any network interface of the account.
  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
  # parliament:skip=RESOURCE_STAR:ManageNetworkInterfaces:interfaces have no ARN before they exist
  # parliament:skip=UNKNOWN_CONDITION_FOR_ACTION:LeaveNetworkInterfacesToLambda:AWS's page denies them under this key
  manage_network_interfaces = {
    sid       = "ManageNetworkInterfaces"
    actions   = local.network_interface_actions
    resources = ["*"]
  }
  leave_network_interfaces = {
    Sid       = "LeaveNetworkInterfacesToLambda"
    Effect    = "Deny"
    Action    = concat(local.network_interface_actions, ["ec2:DetachNetworkInterface"])
    Resource  = ["*"]
    Condition = { ArnEquals = { "lambda:SourceFunctionArn" = [local.function_arn] } }
  }

  # The function's other permissions, by the name of the statement.
  given = { for name, statement in merge(var.policy_statements, local.granted) : name => merge(
    {
      Sid      = replace(title(replace(name, "/[^A-Za-z0-9]/", " ")), " ", "")
      Effect   = lookup(statement, "effect", "Allow")
      Action   = statement.actions
      Resource = statement.resources
    },
    length(lookup(statement, "conditions", {})) == 0 ? {} : { Condition = statement.conditions },
  ) }

  # What every function, or one with these settings, needs.
  needed = concat(
    [{
      sid       = "WriteLogs"
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      resources = ["${local.log_group_arn}:*"]
    }],
    # https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
    var.tracing != "Active" ? [] : [{
      sid       = "WriteTraces"
      actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      resources = ["*"]
    }],
    local.on_failure == null ? [] : [{
      sid       = "SendToFailureDestination"
      actions   = [local.send_actions[local.failure_service]]
      resources = [local.on_failure.arn]
    }],
    var.vpc == null ? [] : [local.manage_network_interfaces],
  )

  statements = concat(
    [for one in local.needed : { Sid = one.sid, Effect = "Allow", Action = one.actions, Resource = one.resources }],
    var.vpc == null ? [] : [local.leave_network_interfaces],
    values(local.given),
  )

  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}

# Created before the function, which would otherwise create one that keeps logs forever.
resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_338:log_retention_days decides; what a function logs of each file is of use for weeks
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "this" {
  count = local.makes_role ? 1 : 0

  name                 = local.role_name
  path                 = var.role.path
  permissions_boundary = var.role.permissions_boundary
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })

  # A running function switches to a role with another name.
  lifecycle { create_before_destroy = true }
}

resource "aws_iam_role_policy" "this" {
  # checkov:skip=CKV_AWS_290:ManageNetworkInterfaces, for a VPC: interfaces have no ARN before they exist
  count = local.makes_role ? 1 : 0

  name   = "function"
  role   = aws_iam_role.this[0].id
  policy = local.policy

  lifecycle {
    create_before_destroy = true

    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: white space doesn't count.
    precondition {
      condition     = length(replace(local.policy, "/\\s/", "")) <= 10240
      error_message = "The policy of the role of ${var.name} has ${length(replace(local.policy, "/\\s/", ""))} characters, and IAM takes 10240. Name fewer resources in ${var.error_prefix}policy_statements (a prefix with a wildcard stands for many), or put them into a policy of your own and attach it to output role.name."
    }

    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
    precondition {
      condition     = can(regex("^[\\t\\n\\r\\x{20}-\\x{FF}]+$", local.policy))
      error_message = "A policy takes no characters above U+00FF, and ${var.error_prefix}policy_statements has some: ${join(" ", distinct(regexall("[^\\t\\n\\r\\x{20}-\\x{FF}]", local.policy)))}. Write a wildcard (*) in place of each."
    }
  }
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_116:A queue's dead-letter queue, or asynchronous_invocation.on_failure, takes what fails
  # checkov:skip=CKV_AWS_272:code_signing_config_arn, which needs a signing profile of the account
  function_name                  = var.name
  description                    = var.description
  role                           = local.role_arn
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
  code_signing_config_arn        = var.code_signing_config_arn
  tags                           = var.tags

  ephemeral_storage { size = var.ephemeral_storage_mb }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  tracing_config { mode = var.tracing }

  dynamic "environment" {
    for_each = length(var.environment) == 0 ? [] : [var.environment]

    content { variables = environment.value }
  }

  dynamic "file_system_config" {
    for_each = var.file_system == null ? [] : [var.file_system]

    content {
      arn              = file_system_config.value.access_point_arn
      local_mount_path = file_system_config.value.mount_path
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
      error_message = "${var.error_prefix}package_version goes with a package in S3; a local file is known by its hash. Remove package_version."
    }

    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    precondition {
      condition     = local.environment_bytes <= 4096
      error_message = "${var.error_prefix}environment has ${local.environment_bytes} bytes as JSON, and Lambda takes 4096. Move the larger values into a parameter or a file that the function reads, or shorten filters with many prefixes or suffixes: they are among the variables."
    }
  }

  # Without its permissions a function's first invocations fail, and Lambda refuses to map a queue to it.
  depends_on = [aws_iam_role_policy.this]
}

locals {
  # Where the ARN names the account, source_account adds nothing, and it shuts out services that send none:
  # EventBridge sends the rule's ARN alone. A bucket's ARN names no account.
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
  # https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
  accounts = { for name, invoker in var.invokers : name => (
    split(":", invoker.source_arn)[4] != "" ? null : coalesce(invoker.source_account, local.account)
  ) }

  # The function's own policy, as Lambda writes it of the permissions.
  # https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
  invokers_policy = jsonencode({
    Version = "2012-10-17"
    Id      = "default"
    Statement = [for name, invoker in var.invokers : {
      Sid       = "allow-${name}"
      Effect    = "Allow"
      Principal = { Service = invoker.service }
      Action    = "lambda:InvokeFunction"
      Resource  = local.function_arn
      Condition = merge(
        { ArnLike = { "AWS:SourceArn" = invoker.source_arn } },
        local.accounts[name] == null ? {} : { StringEquals = { "AWS:SourceAccount" = local.accounts[name] } },
      )
    }]
  })
}

resource "aws_lambda_permission" "this" {
  for_each = var.invokers

  statement_id   = "allow-${each.key}"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this.function_name
  principal      = each.value.service
  source_arn     = each.value.source_arn
  source_account = local.accounts[each.key]

  lifecycle {
    # Said once, beside the first of them. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    precondition {
      condition     = each.key != keys(var.invokers)[0] || length(local.invokers_policy) <= 20480
      error_message = "The ${length(var.invokers)} invokers make a policy of ${length(local.invokers_policy)} bytes, and a function's has at most 20480. Let one invoker stand for several: a source_arn may end in an asterisk."
    }
  }
}

resource "aws_lambda_function_event_invoke_config" "this" {
  count = var.asynchronous_invocation == null ? 0 : 1

  function_name                = aws_lambda_function.this.function_name
  maximum_event_age_in_seconds = var.asynchronous_invocation.maximum_event_age_seconds
  maximum_retry_attempts       = var.asynchronous_invocation.maximum_retry_attempts

  dynamic "destination_config" {
    for_each = var.asynchronous_invocation.on_failure == null ? [] : [var.asynchronous_invocation.on_failure]

    content {
      on_failure { destination = destination_config.value.arn }
    }
  }
}
