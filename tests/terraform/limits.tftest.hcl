# AWS's limits, from below and from above: what src/aws_rules/limits.toml names. A run takes as many of a module's
# as fit: of what is accepted all are at their limit, of what is refused each is one above.

mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

run "a_bucket_at_its_limits_is_accepted" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name = format("%063d", 0)
  }
}

# The provider takes minutes to plan so many rules, so the plan ends at the name: only that is refused.
run "as_many_lifecycle_rules_as_a_bucket_has_are_accepted" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name            = format("%064d", 0)
    lifecycle_rules = { expire = { for n in range(999) : "rule-${n}" => { prefix = "p${n}/", days = 1 } } }
  }

  expect_failures = [var.name]
}

run "a_bucket_beyond_its_limits_is_refused" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name            = format("%064d", 0)
    lifecycle_rules = { expire = { for n in range(1000) : "rule-${n}" => { prefix = "p${n}/", days = 1 } } }
  }

  expect_failures = [var.lifecycle_rules, var.name]
}

run "alarms_at_their_limits_are_accepted" {
  command = plan

  module {
    source = "./modules/consumer-alarms"
  }

  variables {
    actions                = [for n in range(5) : "arn:aws:sns:eu-west-1:111122223333:alerts-${n}"]
    dead_letter_queue_name = format("%080d", 0)
    function_name          = format("%064d", 0)
    name                   = format("%0227d", 0)
    queue_name             = format("%080d", 0)
  }

  assert {
    condition     = max([for name in values(output.names) : length(name)]...) == 255
    error_message = "The longest name is another: ${jsonencode(output.names)}"
  }
}

run "alarms_beyond_their_limits_are_refused" {
  command = plan

  module {
    source = "./modules/consumer-alarms"
  }

  variables {
    actions                = [for n in range(6) : "arn:aws:sns:eu-west-1:111122223333:alerts-${n}"]
    dead_letter_queue_name = format("%081d", 0)
    function_name          = format("%065d", 0)
    name                   = format("%0228d", 0)
    queue_name             = format("%081d", 0)
  }

  expect_failures = [var.actions, var.dead_letter_queue_name, var.function_name, var.name, var.queue_name]
}

run "a_topic_with_the_longest_name_is_accepted" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    name = format("%0256d", 0)
  }
}

run "a_topic_with_a_longer_name_is_refused" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    name = format("%0257d", 0)
  }

  expect_failures = [var.name]
}

run "a_table_with_the_longest_name_is_accepted" {
  command = plan

  module {
    source = "./modules/processing-ledger"
  }

  variables {
    name = format("%0255d", 0)
  }
}

run "a_table_with_a_longer_name_is_refused" {
  command = plan

  module {
    source = "./modules/processing-ledger"
  }

  variables {
    name = format("%0256d", 0)
  }

  expect_failures = [var.name]
}

run "a_dashboard_with_the_longest_name_is_accepted" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  variables {
    bucket_name    = "example-orders"
    consumers      = {}
    dashboard_name = format("%0255d", 0)
    name           = "orders"
    topic_name     = "orders"
  }
}

run "a_dashboard_with_a_longer_name_is_refused" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  variables {
    bucket_name    = "example-orders"
    consumers      = {}
    dashboard_name = format("%0256d", 0)
    name           = "orders"
    topic_name     = "orders"
  }

  expect_failures = [aws_cloudwatch_dashboard.this]
}

run "a_function_at_its_limits_is_accepted" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    asynchronous_invocation = { maximum_event_age_seconds = 21600, maximum_retry_attempts = 2 }
    ephemeral_storage_mb    = 10240
    layers                  = [for n in range(5) : "arn:aws:lambda:eu-west-1:111122223333:layer:l:${n}"]
    log_retention_days      = 3653
    memory_size             = 10240
    name                    = "orders"
    package                 = "tests/terraform/packages/load_orders.zip"
    timeout                 = 900
  }
}

run "a_function_beyond_its_limits_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    asynchronous_invocation = { maximum_event_age_seconds = 21601, maximum_retry_attempts = 2 }
    ephemeral_storage_mb    = 10241
    layers                  = [for n in range(6) : "arn:aws:lambda:eu-west-1:111122223333:layer:l:${n}"]
    log_retention_days      = 3654
    memory_size             = 10241
    name                    = format("%065d", 0)
    package                 = "tests/terraform/packages/load_orders.zip"
    timeout                 = 901
  }

  expect_failures = [
    var.asynchronous_invocation, var.ephemeral_storage_mb, var.layers, var.log_retention_days, var.memory_size, var.name,
    var.timeout,
  ]
}

run "a_function_with_the_longest_name_is_accepted" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    name    = format("%064d", 0)
    package = "tests/terraform/packages/load_orders.zip"
  }
}

run "queues_at_their_limits_are_accepted" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    dead_letter_queue          = { message_retention_seconds = 1209600 }
    fifo                       = {}
    max_receive_count          = 27
    max_retry_delay_seconds    = 42300
    message_retention_seconds  = 1209600
    name                       = format("%071d", 0)
    receive_wait_time_seconds  = 20
    visibility_timeout_seconds = 43200
  }

  assert {
    condition     = length(aws_sqs_queue.dead_letter.name) == 80
    error_message = "The longest name is another: ${aws_sqs_queue.dead_letter.name}"
  }
}

run "queues_beyond_their_limits_are_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    dead_letter_queue          = { message_retention_seconds = 1209601 }
    max_receive_count          = 1001
    max_retry_delay_seconds    = 42301
    message_retention_seconds  = 1209601
    name                       = format("%072d", 0)
    receive_wait_time_seconds  = 21
    visibility_timeout_seconds = 43201
  }

  expect_failures = [
    var.dead_letter_queue, var.max_receive_count, var.max_retry_delay_seconds, var.message_retention_seconds, var.name,
    var.receive_wait_time_seconds, var.visibility_timeout_seconds,
  ]
}

run "as_many_receives_as_sqs_counts_are_accepted" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    max_receive_count         = 1000
    message_retention_seconds = 1209600
    name                      = "orders"
    subscriptions = { files = {
      topic_arn     = "arn:aws:sns:eu-west-1:111122223333:orders"
      filter_policy = jsonencode({ for n in range(5) : "key${n}" => ["a"] })
    } }
  }
}

run "as_many_statements_as_a_queues_policy_takes_are_accepted" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    name    = "orders"
    senders = { for n in range(19) : "s${n}" => { service = "s3.amazonaws.com", source_arns = ["arn:aws:s3:::b${n}"] } }
  }
}

run "more_statements_than_a_queues_policy_takes_are_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    name    = "orders"
    senders = { for n in range(20) : "s${n}" => { service = "s3.amazonaws.com", source_arns = ["arn:aws:s3:::b${n}"] } }
  }

  expect_failures = [aws_sqs_queue.this]
}

# The first has 8,192 bytes, the second one more.
run "a_queues_policy_of_eight_kilobytes_is_accepted" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    name    = "orders"
    senders = { bucket = { service = "s3.amazonaws.com", source_arns = [format("arn:aws:s3:::%07696d", 0)] } }
  }

  assert {
    condition     = length(aws_sqs_queue.this.policy) == 8192
    error_message = "The policy has ${length(aws_sqs_queue.this.policy)} bytes."
  }
}

run "a_larger_policy_of_a_queue_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    name    = "orders"
    senders = { bucket = { service = "s3.amazonaws.com", source_arns = [format("arn:aws:s3:::%07697d", 0)] } }
  }

  expect_failures = [aws_sqs_queue.this]
}

run "a_mapping_at_its_limits_is_accepted" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    batching        = { size = 10000, window_seconds = 300 }
    concurrency     = { maximum = 1000 }
    filter_criteria = [for n in range(5) : jsonencode({ body = [format("%04083d", 0)] })]
    function        = { package = "tests/terraform/packages/load_orders.zip" }
    name            = "orders"

    queue = {
      arn                        = "arn:aws:sqs:eu-west-1:111122223333:orders"
      url                        = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders"
      visibility_timeout_seconds = 480
      max_receive_count          = 5
      dead_letter_queue = {
        arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq"
        url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-dlq"
      }
    }
  }

  assert {
    condition     = length(var.filter_criteria[0]) == 4096
    error_message = "The pattern has ${length(var.filter_criteria[0])} characters."
  }
}

run "a_mapping_beyond_its_limits_is_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    batching        = { size = 10001, window_seconds = 300 }
    concurrency     = { maximum = 1001 }
    filter_criteria = [jsonencode({ body = [format("%04084d", 0)] })]
    function        = { package = "tests/terraform/packages/load_orders.zip" }
    name            = "orders"

    queue = {
      arn                        = "arn:aws:sqs:eu-west-1:111122223333:orders"
      url                        = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders"
      visibility_timeout_seconds = 480
      max_receive_count          = 5
      dead_letter_queue = {
        arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq"
        url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-dlq"
      }
    }
  }

  expect_failures = [var.batching, var.concurrency, var.filter_criteria]
}

run "as_many_pollers_as_lambda_keeps_ready_are_accepted" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    concurrency = { provisioned = { minimum_pollers = 200, maximum_pollers = 2000 } }
    function    = { package = "tests/terraform/packages/load_orders.zip" }
    name        = "orders"

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
}

run "more_pollers_than_lambda_keeps_ready_are_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    concurrency = { provisioned = { minimum_pollers = 200, maximum_pollers = 2001 } }
    function    = { package = "tests/terraform/packages/load_orders.zip" }
    name        = "orders"

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

  expect_failures = [var.concurrency]
}

run "a_rule_at_its_limits_is_accepted" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    buckets     = ["example-orders"]
    description = format("%0512d", 0)
    name        = format("%064d", 0)
    retry       = { maximum_attempts = 185, maximum_event_age_seconds = 86400 }
    targets     = { for n in range(5) : "t${n}" => { arn = "arn:aws:sqs:eu-west-1:111122223333:t${n}" } }
  }
}

run "a_rule_beyond_its_limits_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    buckets     = ["example-orders"]
    description = format("%0513d", 0)
    name        = format("%065d", 0)
    retry       = { maximum_attempts = 186, maximum_event_age_seconds = 86400 }
    targets     = { queue = { arn = "arn:aws:sqs:eu-west-1:111122223333:orders" } }
  }

  expect_failures = [var.description, var.name, var.retry]
}

run "an_archive_with_the_longest_name_is_accepted" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    archive = { retention_days = 1 }
    buckets = ["example-orders"]
    name    = format("%048d", 0)
    targets = { queue = { arn = "arn:aws:sqs:eu-west-1:111122223333:orders" } }
  }
}

run "an_invoker_with_the_longest_name_is_accepted" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    invokers = { (format("%090d", 0)) = { service = "s3.amazonaws.com", source_arn = "arn:aws:s3:::example-orders" } }
    name     = "orders"
    package  = "tests/terraform/packages/load_orders.zip"
  }
}

run "an_invoker_with_a_longer_name_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    invokers = { (format("%091d", 0)) = { service = "s3.amazonaws.com", source_arn = "arn:aws:s3:::example-orders" } }
    name     = "orders"
    package  = "tests/terraform/packages/load_orders.zip"
  }

  expect_failures = [var.invokers]
}

run "a_functions_policy_of_twenty_kilobytes_is_accepted" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    invokers = { for name in concat([for n in range(55) : format("%090d", n)], [format("%077d", 0)]) : name => {
      service = "events.amazonaws.com", source_arn = "arn:aws:events:eu-west-1:111122223333:rule/orders"
    } }
    name    = "orders"
    package = "tests/terraform/packages/load_orders.zip"
  }

  assert {
    condition     = length(local.invokers_policy) == 20480
    error_message = "The policy has ${length(local.invokers_policy)} bytes."
  }
}

run "a_larger_policy_of_a_function_is_refused" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    invokers = { for name in concat([for n in range(55) : format("%090d", n)], [format("%078d", 0)]) : name => {
      service = "events.amazonaws.com", source_arn = "arn:aws:events:eu-west-1:111122223333:rule/orders"
    } }
    name    = "orders"
    package = "tests/terraform/packages/load_orders.zip"
  }

  expect_failures = [aws_lambda_permission.this]
}

run "a_filter_policy_as_large_as_sns_takes_it_is_accepted" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    name = "orders"
    subscriptions = { files = {
      topic_arn     = "arn:aws:sns:eu-west-1:111122223333:orders"
      filter_policy = jsonencode({ key = [format("%0262132d", 0)] })
    } }
  }

  assert {
    condition     = length(var.subscriptions.files.filter_policy) == 262144
    error_message = "The policy has ${length(var.subscriptions.files.filter_policy)} characters."
  }
}

run "a_larger_filter_policy_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    name = "orders"
    subscriptions = { files = {
      topic_arn     = "arn:aws:sns:eu-west-1:111122223333:orders"
      filter_policy = jsonencode({ key = [format("%0262133d", 0)] })
    } }
  }

  expect_failures = [var.subscriptions]
}

run "more_pollers_ready_than_lambda_keeps_are_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    concurrency = { provisioned = { minimum_pollers = 201, maximum_pollers = 2000 } }
    function    = { package = "tests/terraform/packages/load_orders.zip" }
    name        = "orders"

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

  expect_failures = [var.concurrency]
}

run "eleven_messages_at_a_time_from_a_fifo_queue_are_refused" {
  command = plan

  module {
    source = "./modules/sqs-lambda-consumer"
  }

  variables {
    batching = { size = 11, window_seconds = 1 }
    function = { package = "tests/terraform/packages/load_orders.zip" }
    name     = "orders"

    queue = {
      arn                        = "arn:aws:sqs:eu-west-1:111122223333:orders.fifo"
      url                        = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders.fifo"
      fifo                       = true
      visibility_timeout_seconds = 181
      max_receive_count          = 5
      dead_letter_queue = {
        arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq.fifo"
        url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-dlq.fifo"
      }
    }
  }

  expect_failures = [aws_lambda_event_source_mapping.this]
}

run "a_buckets_policy_of_twenty_kilobytes_is_accepted" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name    = "example-orders"
    readers = { audit = { account = "444455556666", prefixes = [format("%020051d", 0)] } }
  }

  assert {
    condition     = length(aws_s3_bucket_policy.this.policy) == 20480
    error_message = "The policy has ${length(aws_s3_bucket_policy.this.policy)} bytes."
  }
}

run "a_larger_policy_of_a_bucket_is_refused" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name    = "example-orders"
    readers = { audit = { account = "444455556666", prefixes = [format("%020052d", 0)] } }
  }

  expect_failures = [aws_s3_bucket_policy.this]
}
