mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  name    = "load-orders"
  package = "tests/terraform/packages/load_orders.zip"
}

run "a_package_is_enough" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  assert {
    condition = (
      aws_lambda_function.this.handler == "load_orders.handler.handler"
      && aws_lambda_function.this.runtime == "python3.13"
      && aws_lambda_function.this.architectures == tolist(["arm64"])
      && aws_lambda_function.this.timeout == 30
      && aws_lambda_function.this.memory_size == 512
      && one(aws_lambda_function.this.tracing_config).mode == "PassThrough"
    )
    error_message = "The function is ${jsonencode(aws_lambda_function.this)}"
  }

  assert {
    condition     = aws_lambda_function.this.source_code_hash == filebase64sha256("tests/terraform/packages/load_orders.zip")
    error_message = "A changed package would not be deployed."
  }
}

run "logs_are_json_in_a_group_that_forgets" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/lambda/load-orders" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The log group is ${jsonencode(aws_cloudwatch_log_group.this)}"
  }

  assert {
    condition     = one(aws_lambda_function.this.logging_config).log_format == "JSON" && one(aws_lambda_function.this.logging_config).log_group == "/aws/lambda/load-orders"
    error_message = "Logging is ${jsonencode(aws_lambda_function.this.logging_config)}"
  }
}

run "the_role_may_write_to_its_log_group_and_nothing_else" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.this[0].policy).Statement == [{
      Sid      = "WriteLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/load-orders:*"]
    }]
    error_message = "The policy is ${aws_iam_role_policy.this[0].policy}"
  }

  assert {
    condition     = jsondecode(aws_iam_role.this[0].assume_role_policy).Statement[0].Principal == { Service = "lambda.amazonaws.com" }
    error_message = "Something else than Lambda may take the role."
  }
}

run "statements_of_the_caller_go_into_the_role" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    policy_statements = { write_orders = {
      actions    = ["dynamodb:PutItem"]
      resources  = ["arn:aws:dynamodb:eu-west-1:111122223333:table/orders"]
      conditions = { StringEquals = { "dynamodb:ReturnValues" = ["NONE"] } }
    } }
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.this[0].policy).Statement[1] == {
      Sid       = "WriteOrders"
      Effect    = "Allow"
      Action    = ["dynamodb:PutItem"]
      Resource  = ["arn:aws:dynamodb:eu-west-1:111122223333:table/orders"]
      Condition = { StringEquals = { "dynamodb:ReturnValues" = ["NONE"] } }
    }
    error_message = "The policy is ${aws_iam_role_policy.this[0].policy}"
  }
}

run "a_function_in_a_network_with_tracing_and_a_file_system_gets_the_permissions_these_need" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    code_signing_config_arn = "arn:aws:lambda:eu-west-1:111122223333:code-signing-config:csc-0123456789abcdefg"
    file_system             = { access_point_arn = "arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-0123456789abcdef0", mount_path = "/mnt/data" }
    tracing                 = "Active"
    vpc                     = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
  }

  assert {
    condition = (
      one(aws_lambda_function.this.file_system_config).arn == "arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-0123456789abcdef0"
      && one(aws_lambda_function.this.file_system_config).local_mount_path == "/mnt/data"
      && aws_lambda_function.this.code_signing_config_arn == "arn:aws:lambda:eu-west-1:111122223333:code-signing-config:csc-0123456789abcdefg"
    )
    error_message = "The function is ${jsonencode(aws_lambda_function.this)}"
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.this[0].policy).Statement[4] == {
      Sid       = "MountFileSystem"
      Effect    = "Allow"
      Action    = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
      Resource  = ["arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/*"]
      Condition = { StringEquals = { "elasticfilesystem:AccessPointArn" = ["arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-0123456789abcdef0"] } }
    }
    error_message = "The policy is ${aws_iam_role_policy.this[0].policy}"
  }

  assert {
    condition     = one(aws_lambda_function.this.vpc_config).subnet_ids == toset(["subnet-1"])
    error_message = "The function isn't in the subnet."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.this[0].policy).Statement : statement.Sid] == [
      "WriteLogs", "WriteTraces", "ManageNetworkInterfaces", "LeaveNetworkInterfacesToLambda", "MountFileSystem",
    ]
    error_message = "The policy is ${aws_iam_role_policy.this[0].policy}"
  }

  # Otherwise the function's code could do with any network interface what Lambda does with the function's.
  assert {
    condition = alltrue([for statement in jsondecode(aws_iam_role_policy.this[0].policy).Statement : (
      statement.Effect == "Deny"
      && length(setsubtract(jsondecode(aws_iam_role_policy.this[0].policy).Statement[2].Action, statement.Action)) == 0
      && statement.Resource == ["*"]
      && statement.Condition == { ArnEquals = { "lambda:SourceFunctionArn" = ["arn:aws:lambda:eu-west-1:111122223333:function:load-orders"] } }
    ) if statement.Sid == "LeaveNetworkInterfacesToLambda"])
    error_message = "The policy is ${aws_iam_role_policy.this[0].policy}"
  }
}

run "what_the_author_sets_reaches_the_function" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    architecture         = "x86_64"
    environment          = { TABLE = "orders" }
    ephemeral_storage_mb = 1024
    handler              = "orders.handle"
    kms_key_arn          = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
    layers               = ["arn:aws:lambda:eu-west-1:111122223333:layer:shared:1"]
    reserved_concurrency = 10
  }

  assert {
    condition = (
      aws_lambda_function.this.architectures == tolist(["x86_64"])
      && one(aws_lambda_function.this.environment).variables == tomap({ TABLE = "orders" })
      && one(aws_lambda_function.this.ephemeral_storage).size == 1024
      && aws_lambda_function.this.handler == "orders.handle"
      && aws_lambda_function.this.layers == tolist(["arn:aws:lambda:eu-west-1:111122223333:layer:shared:1"])
      && aws_lambda_function.this.reserved_concurrent_executions == 10
    )
    error_message = "The function is ${jsonencode(aws_lambda_function.this)}"
  }

  assert {
    condition     = aws_lambda_function.this.kms_key_arn == var.kms_key_arn && aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn
    error_message = "The key isn't used for environment and logs."
  }
}

run "a_package_in_s3_is_taken_at_its_version" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    package         = "s3://example-packages/orders/load_orders.zip"
    package_version = "3HL4kqtJlcpXroDTDmJ"
  }

  assert {
    condition = (
      aws_lambda_function.this.s3_bucket == "example-packages"
      && aws_lambda_function.this.s3_key == "orders/load_orders.zip"
      && aws_lambda_function.this.s3_object_version == "3HL4kqtJlcpXroDTDmJ"
      && aws_lambda_function.this.filename == null
      && aws_lambda_function.this.handler == "load_orders.handler.handler"
    )
    error_message = "The function is ${jsonencode(aws_lambda_function.this)}"
  }
}

run "a_package_that_is_not_there_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    package = "build/never_made.zip"
  }

  expect_failures = [var.package]
}

run "a_version_of_a_local_package_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    package_version = "3HL4kqtJlcpXroDTDmJ"
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_variable_that_lambda_sets_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    environment = { AWS_REGION = "eu-west-1" }
  }

  expect_failures = [var.environment]
}

run "a_name_that_is_no_variable_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    environment = { "MY-TABLE" = "orders" }
  }

  expect_failures = [var.environment]
}

run "a_statement_without_resources_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    policy_statements = { write_orders = { actions = ["dynamodb:PutItem"], resources = [] } }
  }

  expect_failures = [var.policy_statements]
}

run "values_beyond_what_lambda_takes_are_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    architecture            = "arm"
    code_signing_config_arn = "csc-0123456789abcdefg"
    role                    = { path = "pipelines" }
    ephemeral_storage_mb    = 511
    handler                 = "handler"
    kms_key_arn             = "alias/aws/lambda"
    layers                  = ["1", "2", "3", "4", "5", "6"]
    log_retention_days      = 31
    memory_size             = 64
    name                    = "load orders"
    reserved_concurrency    = -1
    timeout                 = 901
    tracing                 = "On"
    vpc                     = { subnet_ids = ["subnet-1"], security_group_ids = [] }
  }

  expect_failures = [
    var.architecture,
    var.code_signing_config_arn,
    var.role,
    var.ephemeral_storage_mb,
    var.handler,
    var.kms_key_arn,
    var.layers,
    var.log_retention_days,
    var.memory_size,
    var.name,
    var.reserved_concurrency,
    var.timeout,
    var.tracing,
    var.vpc,
  ]
}

run "statements_whose_ids_would_be_the_same_are_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    policy_statements = { "read-files" = { actions = ["s3:GetObject"], resources = ["*"] }, read_files = { actions = ["s3:GetObject"], resources = ["*"] } }
  }

  expect_failures = [var.policy_statements]
}

run "whoever_may_invoke_may_do_so_for_one_resource_of_one_account" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    invokers = { bucket = { service = "s3.amazonaws.com", source_arn = "arn:aws:s3:::example-orders" } }
  }

  assert {
    condition = (
      aws_lambda_permission.this["bucket"].function_name == aws_lambda_function.this.function_name
      && aws_lambda_permission.this["bucket"].principal == "s3.amazonaws.com"
      && aws_lambda_permission.this["bucket"].source_arn == "arn:aws:s3:::example-orders"
      && aws_lambda_permission.this["bucket"].source_account == "111122223333"
    )
    error_message = "The permission is ${jsonencode(aws_lambda_permission.this["bucket"])}"
  }

  assert {
    condition     = length(aws_lambda_function_event_invoke_config.this) == 0
    error_message = "Without asynchronous_invocation Lambda's own defaults stay."
  }
}

# EventBridge sends no account: a permission that asks for one is never fulfilled.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
run "an_invoker_whose_arn_names_the_account_is_bound_to_the_arn_alone" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    invokers = {
      bucket = { service = "s3.amazonaws.com", source_arn = "arn:aws:s3:::their-orders", source_account = "444455556666" }
      rule   = { service = "events.amazonaws.com", source_arn = "arn:aws:events:eu-west-1:111122223333:rule/orders-*" }
    }
  }

  assert {
    condition = (
      aws_lambda_permission.this["rule"].source_arn == "arn:aws:events:eu-west-1:111122223333:rule/orders-*"
      && aws_lambda_permission.this["rule"].source_account == null
      && aws_lambda_permission.this["bucket"].source_account == "444455556666"
    )
    error_message = "The permissions are ${jsonencode(aws_lambda_permission.this)}"
  }
}

run "an_account_beside_an_arn_that_names_one_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    invokers = { rule = {
      service        = "events.amazonaws.com"
      source_arn     = "arn:aws:events:eu-west-1:111122223333:rule/orders-*"
      source_account = "111122223333"
    } }
  }

  expect_failures = [var.invokers]
}

run "an_event_that_failed_for_good_goes_where_the_function_may_send_it" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    asynchronous_invocation = { on_failure = { arn = "arn:aws:sqs:eu-west-1:111122223333:failed" } }
  }

  assert {
    condition = (
      aws_lambda_function_event_invoke_config.this[0].destination_config[0].on_failure[0].destination == "arn:aws:sqs:eu-west-1:111122223333:failed"
      && aws_lambda_function_event_invoke_config.this[0].maximum_retry_attempts == 2
      && aws_lambda_function_event_invoke_config.this[0].maximum_event_age_in_seconds == 21600
    )
    error_message = "The configuration is ${jsonencode(aws_lambda_function_event_invoke_config.this)}"
  }

  assert {
    condition = contains([for statement in jsondecode(aws_iam_role_policy.this[0].policy).Statement : jsonencode(statement)],
      jsonencode({ Action = ["sqs:SendMessage"], Effect = "Allow", Resource = ["arn:aws:sqs:eu-west-1:111122223333:failed"], Sid = "SendToFailureDestination" })
    )
    error_message = "The policy is ${aws_iam_role_policy.this[0].policy}"
  }
}

run "more_retries_than_lambda_makes_are_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    asynchronous_invocation = { maximum_retry_attempts = 3 }
  }

  expect_failures = [var.asynchronous_invocation]
}

run "a_fifo_queue_as_failure_destination_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    asynchronous_invocation = { on_failure = { arn = "arn:aws:sqs:eu-west-1:111122223333:failed.fifo" } }
  }

  expect_failures = [var.asynchronous_invocation]
}

run "an_invoker_that_could_be_anybodys_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    invokers = { bucket = { service = "s3.amazonaws.com", source_arn = "*" } }
  }

  expect_failures = [var.invokers]
}

run "the_statement_for_a_key_is_for_the_functions_logs_alone" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  assert {
    condition = (
      output.kms_key_statements[0].Principal.Service == "logs.eu-west-1.amazonaws.com"
      && output.kms_key_statements[0].Condition.ArnEquals["kms:EncryptionContext:aws:logs:arn"] == "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/${var.name}"
    )
    error_message = "The statements are ${jsonencode(output.kms_key_statements)}"
  }
}

# Roles are global, and their names have at most 64 characters:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
run "the_roles_name_tells_regions_apart" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  assert {
    condition     = aws_iam_role.this[0].name == "load-orders-eu-west-1"
    error_message = "The role is called ${aws_iam_role.this[0].name}"
  }
}

run "a_name_that_fits_with_the_region_is_the_roles_whole" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    name = "orders-0123456789-0123456789-0123456789-0123456789-abc"
  }

  assert {
    condition     = aws_iam_role.this[0].name == "${var.name}-eu-west-1" && length(aws_iam_role.this[0].name) == 64
    error_message = "The role is called ${aws_iam_role.this[0].name}"
  }
}

run "a_longer_name_is_cut_and_told_from_others_that_begin_alike" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    name = "orders-0123456789-0123456789-0123456789-0123456789-abcd"
  }

  assert {
    condition     = aws_iam_role.this[0].name == "orders-0123456789-0123456789-0123456789-01234-${substr(sha256(var.name), 0, 8)}-eu-west-1" && length(aws_iam_role.this[0].name) == 64
    error_message = "The role is called ${aws_iam_role.this[0].name}, ${length(aws_iam_role.this[0].name)} characters"
  }
}

run "a_policy_as_long_as_iam_takes_is_accepted" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    policy_statements = { read = { actions = ["s3:GetObject"], resources = ["arn:aws:s3:::${join("", [for n in range(993) : "0123456789"])}0123456"] } }
  }

  assert {
    condition     = length(aws_iam_role_policy.this[0].policy) == 10240
    error_message = "The policy has ${length(aws_iam_role_policy.this[0].policy)} characters"
  }
}

run "a_policy_longer_than_iam_takes_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    policy_statements = { read = { actions = ["s3:GetObject"], resources = ["arn:aws:s3:::${join("", [for n in range(993) : "0123456789"])}01234567"] } }
  }

  expect_failures = [aws_iam_role_policy.this[0]]
}

run "the_last_character_that_a_policy_takes_is_accepted" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    policy_statements = { read = { actions = ["s3:GetObject"], resources = ["arn:aws:s3:::orders/ÿ/*"] } }
  }
}

run "a_character_that_no_policy_takes_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    policy_statements = { read = { actions = ["s3:GetObject"], resources = ["arn:aws:s3:::orders/Ā/*"] } }
  }

  expect_failures = [aws_iam_role_policy.this[0]]
}

# {"TEXT":""} has 11 bytes, and ü two.
run "an_environment_as_large_as_lambda_takes_is_accepted" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    environment = { TEXT = "ü<${join("", [for n in range(408) : "0123456789"])}01" }
  }
}

run "an_environment_larger_than_lambda_takes_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    environment = { TEXT = "ü<${join("", [for n in range(408) : "0123456789"])}012" }
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_description_as_long_as_lambda_takes_is_accepted" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    description = "${join("", [for n in range(25) : "0123456789"])}012345"
  }
}

run "a_description_longer_than_lambda_takes_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    description = "${join("", [for n in range(25) : "0123456789"])}0123456"
  }

  expect_failures = [var.description]
}

run "reads_and_writes_become_statements" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    reads = {
      orders  = { bucket = "example-orders", prefixes = ["incoming/", "a*/"], kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/orders" }
      returns = { bucket = "example-returns" }
    }
    writes = {
      results = { bucket = "example-results", prefixes = ["results/"], kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/results" }
    }
  }

  assert {
    condition = jsonencode([for statement in local.statements : [statement.Sid, statement.Action, statement.Resource] if statement.Sid != "WriteLogs"]) == jsonencode([
      ["Decrypt", ["kms:Decrypt"], ["arn:aws:kms:eu-west-1:111122223333:key/orders", "arn:aws:kms:eu-west-1:111122223333:key/results"]],
      ["Encrypt", ["kms:GenerateDataKey"], ["arn:aws:kms:eu-west-1:111122223333:key/results"]],
      ["ReadFiles", ["s3:GetObject", "s3:GetObjectVersion"], [
        "arn:aws:s3:::example-orders/incoming/*", "arn:aws:s3:::example-orders/a$${*}/*", "arn:aws:s3:::example-returns/*",
      ]],
      ["TellMissingFiles", ["s3:ListBucket"], ["arn:aws:s3:::example-orders", "arn:aws:s3:::example-returns"]],
      ["WriteOutput", ["s3:AbortMultipartUpload", "s3:PutObject"], ["arn:aws:s3:::example-results/results/*"]],
    ])
    error_message = "The statements are ${jsonencode(local.statements)}"
  }
}

run "a_function_that_reads_and_writes_nothing_may_do_neither" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  assert {
    condition     = local.statements[*].Sid == ["WriteLogs"]
    error_message = "The statements are ${jsonencode(local.statements)}"
  }
}

run "the_key_of_a_failure_destination_may_be_used" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    asynchronous_invocation = { on_failure = {
      arn         = "arn:aws:sqs:eu-west-1:111122223333:failed"
      kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/failed"
    } }
    reads = { orders = { bucket = "example-orders", kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/failed" } }
  }

  assert {
    condition = jsonencode([for statement in local.statements : [statement.Action, statement.Resource] if strcontains(statement.Sid, "crypt")]) == jsonencode([
      [["kms:Decrypt"], ["arn:aws:kms:eu-west-1:111122223333:key/failed"]],
      [["kms:GenerateDataKey"], ["arn:aws:kms:eu-west-1:111122223333:key/failed"]],
    ])
    error_message = "The statements are ${jsonencode(local.statements)}"
  }
}

run "a_statement_that_reads_makes_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    policy_statements = { read_files = { actions = ["s3:GetObject"], resources = ["*"] } }
    reads             = { orders = { bucket = "example-orders" } }
  }

  expect_failures = [var.policy_statements]
}

run "without_reads_a_statement_may_have_that_name" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    policy_statements = { read_files = { actions = ["s3:GetObject"], resources = ["arn:aws:s3:::example-orders/*"] } }
  }

  assert {
    condition     = local.statements[1].Sid == "ReadFiles"
    error_message = "The statements are ${jsonencode(local.statements)}"
  }
}

run "a_function_that_only_reads_a_file_system_may_not_write_to_it" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    file_system = { access_point_arn = "arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-0123456789abcdef0", mount_path = "/mnt/data", read_only = true }
    vpc         = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
  }

  assert {
    condition     = [for statement in jsondecode(output.policy).Statement : statement.Action if statement.Sid == "MountFileSystem"] == [["elasticfilesystem:ClientMount"]]
    error_message = "The policy is ${output.policy}"
  }
}

run "a_role_has_its_path_and_boundary_and_another_name_where_the_path_is_another" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    role = { path = "/pipelines/", permissions_boundary = "arn:aws:iam::111122223333:policy/boundary" }
  }

  assert {
    condition = (
      aws_iam_role.this[0].path == "/pipelines/"
      && aws_iam_role.this[0].permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
      && output.role.name == "load-orders-eu-west-1-${substr(sha256("/pipelines/"), 0, 4)}"
    )
    error_message = "The role is ${jsonencode(aws_iam_role.this[0])}"
  }
}

run "an_existing_role_is_used_as_it_is" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    role = { existing = { arn = "arn:aws:iam::111122223333:role/pipelines/load" } }
  }

  assert {
    condition = (
      aws_lambda_function.this.role == "arn:aws:iam::111122223333:role/pipelines/load"
      && length(aws_iam_role.this) == 0 && length(aws_iam_role_policy.this) == 0
      && output.role == { arn = "arn:aws:iam::111122223333:role/pipelines/load", name = "load" }
    )
    error_message = "The role is ${jsonencode(output.role)}"
  }
}

run "a_path_of_an_existing_role_and_a_file_system_without_a_network_are_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    file_system = { access_point_arn = "arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-0123456789abcdef0", mount_path = "/mnt/data" }
    role        = { existing = { arn = "arn:aws:iam::111122223333:role/load" }, path = "/pipelines/" }
  }

  expect_failures = [var.file_system, var.role]
}

run "a_file_system_that_is_no_access_point_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    file_system = { access_point_arn = "fsap-0123456789abcdef0", mount_path = "/mnt/data" }
    vpc         = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
  }

  expect_failures = [var.file_system]
}

run "a_mount_path_that_lambda_does_not_take_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    file_system = { access_point_arn = "arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-0123456789abcdef0", mount_path = "/data" }
    vpc         = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
  }

  expect_failures = [var.file_system]
}
