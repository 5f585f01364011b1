mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  name     = "load-orders"
  function = { package = "tests/terraform/packages/load_orders.zip" }
  queue = {
    arn                        = "arn:aws:sqs:eu-west-1:111122223333:orders"
    url                        = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders"
    visibility_timeout_seconds = 180
    max_receive_count          = 5
    dead_letter_queue = {
      arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq"
      url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-dlq"
    }
  }
}

run "each_message_of_a_batch_can_fail_by_itself" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"])
      && aws_lambda_event_source_mapping.this.batch_size == 10
      && aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == null
      && aws_lambda_event_source_mapping.this.enabled
    )
    error_message = "The mapping is ${jsonencode(aws_lambda_event_source_mapping.this)}"
  }
}

# To send to the dead-letter queue is the right SendToFailureDestination of modules/lambda-function.
run "the_role_may_receive_from_its_queue" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  assert {
    condition = local.policy_statements == {
      receive_messages = {
        actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        resources = ["arn:aws:sqs:eu-west-1:111122223333:orders"]
      }
    }
    error_message = "The statements are ${jsonencode(local.policy_statements)}"
  }
}

run "the_key_of_the_queue_may_be_used_when_there_is_one" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    queue = {
      arn                        = "arn:aws:sqs:eu-west-1:111122223333:orders"
      url                        = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders"
      visibility_timeout_seconds = 180
      max_receive_count          = 5
      kms_key_arn                = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
      dead_letter_queue = {
        arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq"
        url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-dlq"
      }
    }
  }

  assert {
    condition = jsonencode([for statement in jsondecode(output.policy).Statement : [statement.Action, statement.Resource] if strcontains(statement.Sid, "crypt")]) == jsonencode([
      [["kms:Decrypt"], ["arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"]],
      [["kms:GenerateDataKey"], ["arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"]],
    ])
    error_message = "The policy is ${output.policy}"
  }
}

run "the_function_is_told_its_queues_beside_what_the_author_sets" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    function = { package = "tests/terraform/packages/load_orders.zip", environment = { TABLE = "orders" } }
  }

  assert {
    condition = jsonencode(output.environment) == jsonencode({
      MALLOC_ARENA_MAX      = "1"
      TABLE                 = "orders"
      QUEUE_URL             = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders"
      DEAD_LETTER_QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-dlq"
      MAX_RECEIVE_COUNT     = "5"
    })
    error_message = "The environment is ${jsonencode(output.environment)}"
  }
}

run "the_function_is_told_when_messages_expire_if_that_is_known" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    queue = {
      arn                        = "arn:aws:sqs:eu-west-1:111122223333:orders"
      url                        = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders"
      visibility_timeout_seconds = 180
      max_receive_count          = 5
      message_retention_seconds  = 345600
      dead_letter_queue = {
        arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq"
        url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-dlq"
      }
    }
  }

  assert {
    condition     = local.environment["MESSAGE_RETENTION_SECONDS"] == "345600"
    error_message = "The environment is ${jsonencode(local.environment)}"
  }
}

run "batches_concurrency_and_filters_reach_the_mapping" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    batching        = { size = 100, window_seconds = 5 }
    concurrency     = { maximum = 10 }
    filter_criteria = ["{\"body\":{\"Records\":{\"s3\":{\"object\":{\"key\":[{\"suffix\":\".json\"}]}}}}}"]
    function        = { package = "tests/terraform/packages/load_orders.zip", timeout = 29, reserved_concurrency = 10 }
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.this.batch_size == 100
      && aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == 5
      && one(aws_lambda_event_source_mapping.this.scaling_config).maximum_concurrency == 10
      && one(one(aws_lambda_event_source_mapping.this.filter_criteria).filter).pattern == var.filter_criteria[0]
    )
    error_message = "The mapping is ${jsonencode(aws_lambda_event_source_mapping.this)}"
  }
}

run "provisioned_pollers_reach_the_mapping" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    concurrency = { provisioned = { minimum_pollers = 2, maximum_pollers = 20 } }
  }

  assert {
    condition = (
      one(aws_lambda_event_source_mapping.this.provisioned_poller_config).minimum_pollers == 2
      && one(aws_lambda_event_source_mapping.this.provisioned_poller_config).maximum_pollers == 20
      && length(aws_lambda_event_source_mapping.this.scaling_config) == 0
    )
    error_message = "The mapping is ${jsonencode(aws_lambda_event_source_mapping.this)}"
  }
}

run "a_visibility_timeout_below_six_function_timeouts_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    function = { package = "tests/terraform/packages/load_orders.zip", timeout = 31 }
  }

  expect_failures = [aws_lambda_event_source_mapping.this]
}

run "a_visibility_timeout_that_leaves_no_room_for_the_window_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    batching = { window_seconds = 1 }
  }

  expect_failures = [aws_lambda_event_source_mapping.this]
}

run "a_large_batch_without_a_window_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    batching = { size = 11 }
  }

  expect_failures = [var.batching]
}

run "a_batch_of_more_than_ten_thousand_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    batching = { size = 10001, window_seconds = 1 }
  }

  expect_failures = [var.batching]
}

run "a_window_of_more_than_five_minutes_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    batching = { size = 10, window_seconds = 301 }
    function = { package = "tests/terraform/packages/load_orders.zip", timeout = 1 }
    queue = {
      arn                        = "arn:aws:sqs:eu-west-1:111122223333:orders"
      url                        = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders"
      visibility_timeout_seconds = 600
      max_receive_count          = 5
      dead_letter_queue = {
        arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq"
        url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-dlq"
      }
    }
  }

  expect_failures = [var.batching]
}

run "a_window_on_a_fifo_queue_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    batching = { window_seconds = 1 }
    function = { package = "tests/terraform/packages/load_orders.zip", timeout = 20 }
    queue = {
      arn                        = "arn:aws:sqs:eu-west-1:111122223333:orders.fifo"
      url                        = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders.fifo"
      visibility_timeout_seconds = 180
      max_receive_count          = 5
      fifo                       = true
      dead_letter_queue = {
        arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq.fifo"
        url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-dlq.fifo"
      }
    }
  }

  expect_failures = [aws_lambda_event_source_mapping.this]
}

# Lambda takes no FIFO queue as a failure destination, so the right doesn't come with that. A message that is sent again
# would lose its place in its group.
run "the_role_may_quarantine_in_a_fifo_dead_letter_queue_and_send_nothing_to_the_queue" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    ledger   = { table = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-ledger", name = "orders-ledger" } }
    pipeline = { name = "orders", consumer = "load" }
    queue = {
      arn                        = "arn:aws:sqs:eu-west-1:111122223333:orders.fifo"
      url                        = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders.fifo"
      visibility_timeout_seconds = 180
      max_receive_count          = 5
      fifo                       = true
      kms_key_arn                = "arn:aws:kms:eu-west-1:111122223333:key/orders"
      dead_letter_queue = {
        arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq.fifo"
        url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-dlq.fifo"
      }
    }
  }

  assert {
    condition     = local.policy_statements.use_queue_key == { actions = ["kms:Decrypt", "kms:GenerateDataKey"], resources = ["arn:aws:kms:eu-west-1:111122223333:key/orders"] }
    error_message = "The statements are ${jsonencode(local.policy_statements)}"
  }

  assert {
    condition     = !contains(keys(local.policy_statements), "send_messages_again")
    error_message = "The statements are ${jsonencode(local.policy_statements)}"
  }

  assert {
    condition     = local.policy_statements.quarantine_messages == { actions = ["sqs:SendMessage"], resources = ["arn:aws:sqs:eu-west-1:111122223333:orders-dlq.fifo"] }
    error_message = "The statements are ${jsonencode(local.policy_statements)}"
  }
}

run "ten_messages_at_a_time_from_a_fifo_queue_are_accepted" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    queue = {
      arn                        = "arn:aws:sqs:eu-west-1:111122223333:orders.fifo"
      url                        = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders.fifo"
      visibility_timeout_seconds = 180
      max_receive_count          = 5
      fifo                       = true
      dead_letter_queue = {
        arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq.fifo"
        url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-dlq.fifo"
      }
    }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.batch_size == 10
    error_message = "The batch size is ${aws_lambda_event_source_mapping.this.batch_size}"
  }
}

run "one_batch_at_a_time_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    concurrency = { maximum = 1 }
  }

  expect_failures = [var.concurrency]
}

run "more_than_a_thousand_batches_at_a_time_are_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    concurrency = { maximum = 1001 }
  }

  expect_failures = [var.concurrency]
}

run "more_batches_than_the_function_has_concurrency_are_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    concurrency = { maximum = 11 }
    function    = { package = "tests/terraform/packages/load_orders.zip", reserved_concurrency = 10 }
  }

  expect_failures = [aws_lambda_event_source_mapping.this]
}

run "a_function_stopped_by_its_concurrency_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    function = { package = "tests/terraform/packages/load_orders.zip", reserved_concurrency = 0 }
  }

  expect_failures = [aws_lambda_event_source_mapping.this]
}

run "provisioned_pollers_beside_a_maximum_are_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    concurrency = { maximum = 10, provisioned = { minimum_pollers = 2, maximum_pollers = 20 } }
  }

  expect_failures = [var.concurrency]
}

run "more_pollers_at_least_than_at_most_are_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    concurrency = { provisioned = { minimum_pollers = 20, maximum_pollers = 2 } }
  }

  expect_failures = [var.concurrency]
}

run "a_single_poller_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    concurrency = { provisioned = { minimum_pollers = 1, maximum_pollers = 2 } }
  }

  expect_failures = [var.concurrency]
}

run "more_filters_than_a_mapping_takes_are_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    filter_criteria = ["{}", "{}", "{}", "{}", "{}", "{}"]
  }

  expect_failures = [var.filter_criteria]
}

run "a_filter_that_is_no_json_object_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    filter_criteria = [".json"]
  }

  expect_failures = [var.filter_criteria]
}

run "a_variable_that_the_module_sets_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    function = { package = "tests/terraform/packages/load_orders.zip", environment = { QUEUE_URL = "https://example.com" } }
  }

  expect_failures = [var.function]
}

run "a_retention_that_the_module_sets_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    function = { package = "tests/terraform/packages/load_orders.zip", environment = { MESSAGE_RETENTION_SECONDS = "60" } }
  }

  expect_failures = [var.function]
}

run "a_statement_that_the_module_writes_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    function = { package = "tests/terraform/packages/load_orders.zip", policy_statements = { receive_messages = { actions = ["s3:GetObject"], resources = ["*"] } } }
  }

  expect_failures = [var.function]
}

run "the_function_is_told_its_filter_its_output_its_ledger_and_its_place" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    filter   = { prefixes = ["incoming/日本/"], max_bytes = 5000000001 }
    ledger   = { table = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-ledger", name = "orders-ledger" } }
    output   = { bucket = "example-results", prefix = "results/ł/" }
    pipeline = { name = "orders", consumer = "load" }
  }

  assert {
    condition = jsonencode(output.environment) == jsonencode({
      CONSUMER              = "load"
      DEAD_LETTER_QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-dlq"
      LEDGER_DAYS           = "90"
      LEDGER_TABLE          = "orders-ledger"
      MALLOC_ARENA_MAX      = "1"
      MAX_RECEIVE_COUNT     = "5"
      METRICS_NAMESPACE     = "ObjectPipeline"
      OBJECT_FILTER         = "{\"events\":[],\"max_bytes\":5000000001,\"min_bytes\":null,\"prefixes\":[\"incoming/日本/\"],\"suffixes\":[]}"
      OUTPUT_BUCKET         = "example-results"
      OUTPUT_PREFIX         = "results/ł/"
      PIPELINE              = "orders"
      QUEUE_URL             = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders"
    })
    error_message = "The environment is ${jsonencode(output.environment)}"
  }

  assert {
    condition     = output.metrics_namespace == "ObjectPipeline" && output.output.bucket == "example-results"
    error_message = "The outputs are ${jsonencode([output.metrics_namespace, output.output])}"
  }

  # It may write its output, claim objects under its own name and send messages again, and read nothing.
  assert {
    condition = jsonencode([for statement in jsondecode(output.policy).Statement : statement
      if !contains(["WriteLogs", "SendToFailureDestination", "ReceiveMessages"], statement.Sid)]) == jsonencode([
      {
        Sid       = "ClaimObjects"
        Effect    = "Allow"
        Action    = ["dynamodb:UpdateItem"]
        Resource  = ["arn:aws:dynamodb:eu-west-1:111122223333:table/orders-ledger"]
        Condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["orders/load"] } }
      },
      {
        Sid      = "SendMessagesAgain"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:aws:sqs:eu-west-1:111122223333:orders"]
      },
      {
        Sid      = "WriteOutput"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:PutObject"]
        Resource = ["arn:aws:s3:::example-results/results/*/*"]
      },
    ])
    error_message = "The policy is ${output.policy}"
  }
}

run "the_function_is_told_how_many_invocations_an_object_may_take" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    ledger          = { table = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-ledger", name = "orders-ledger" } }
    max_invocations = 12
    pipeline        = { name = "orders", consumer = "load" }
  }

  assert {
    condition     = output.environment.MAX_INVOCATIONS == "12"
    error_message = "The environment is ${jsonencode(output.environment)}"
  }
}

run "a_part_of_an_invocation_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    ledger          = { table = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-ledger", name = "orders-ledger" } }
    max_invocations = 1.5
    pipeline        = { name = "orders", consumer = "load" }
  }

  expect_failures = [var.max_invocations]
}

run "several_invocations_without_a_ledger_are_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    max_invocations = 12
  }

  expect_failures = [var.max_invocations]
}

run "a_ledger_without_a_pipeline_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    ledger = { table = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-ledger", name = "orders-ledger" } }
  }

  expect_failures = [var.ledger]
}

run "a_ledger_that_forgets_at_once_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    ledger   = { days = 0, table = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-ledger", name = "orders-ledger" } }
    pipeline = { name = "orders", consumer = "load" }
  }

  expect_failures = [var.ledger]
}

run "an_output_without_a_prefix_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    output = { bucket = "example-results", prefix = "" }
  }

  expect_failures = [var.output]
}

run "an_output_that_begins_with_a_slash_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    output = { bucket = "example-results", prefix = "/results/" }
  }

  expect_failures = [var.output]
}

run "a_variable_that_the_pipeline_sets_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    filter   = {}
    function = { package = "tests/terraform/packages/load_orders.zip", environment = { OBJECT_FILTER = "{}" } }
  }

  expect_failures = [var.function]
}

run "without_a_filter_the_author_may_set_one" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    function = { package = "tests/terraform/packages/load_orders.zip", environment = { OBJECT_FILTER = "{}" } }
  }

  assert {
    condition     = output.environment.OBJECT_FILTER == "{}"
    error_message = "The environment is ${jsonencode(output.environment)}"
  }
}

run "test_events_of_s3_are_dropped_for_a_function_without_the_runtime" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    drops_test_events = true
  }

  assert {
    condition     = one(one(aws_lambda_event_source_mapping.this.filter_criteria).filter).pattern == "{\"body\":{\"Event\":[{\"exists\":false}]}}"
    error_message = "The filter criteria are ${jsonencode(aws_lambda_event_source_mapping.this.filter_criteria)}"
  }
}

run "patterns_beside_the_one_for_test_events_are_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    drops_test_events = true
    filter_criteria   = ["{\"body\":{\"Records\":[{\"exists\":true}]}}"]
  }

  expect_failures = [var.drops_test_events]
}
