mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  name   = "orders"
  bucket = { name = "example-orders" }
  filter = { prefixes = ["incoming/"] }
  consumers = {
    transform = {
      package = "tests/terraform/packages/load_orders.zip"
      output  = { prefix = "processed/" }
      timeout = 300
    }
    audit = {
      package = "tests/terraform/packages/load_orders.zip"
      filter  = { prefixes = ["incoming/my files/"], suffixes = [".json"] }
    }
  }
}

run "a_pipeline_with_two_consumers_on_route_topic" {
  # Every consumer has a queue, a function and alarms that are named after it.
  assert {
    condition = { for name, consumer in output.consumers : name => [consumer.queue.name, consumer.dead_letter_queue.name, consumer.function.name, consumer.role.name] } == {
      audit     = ["orders-audit", "orders-audit-dlq", "orders-audit", "orders-audit-eu-west-1"]
      transform = ["orders-transform", "orders-transform-dlq", "orders-transform", "orders-transform-eu-west-1"]
    }
    error_message = "The consumers are ${jsonencode(output.consumers)}"
  }

  assert {
    condition     = alltrue([for consumer in output.consumers : length(consumer.alarms) == 4])
    error_message = "A consumer lacks an alarm."
  }

  assert {
    condition     = output.bucket == { arn = "arn:aws:s3:::example-orders", name = "example-orders" } && output.topic.name == "orders"
    error_message = "The outputs are ${jsonencode([output.bucket, output.topic])}"
  }

  # The visibility timeout follows the function's timeout.
  assert {
    condition     = { for name, consumer in output.consumers : name => consumer.queue.visibility_timeout_seconds } == { audit = 180, transform = 1800 }
    error_message = "The consumers are ${jsonencode(output.consumers)}"
  }

  # A function may read only the files it is sent, and write only its output.
  # The statements themselves: tests/terraform/lambda_function.tftest.hcl.
  assert {
    condition = { for name, consumer in module.consumers : name => {
      for statement in jsondecode(consumer.policy).Statement : statement.Sid => statement.Resource
      if contains(["ReadFiles", "TellMissingFiles", "WriteOutput", "ClaimObjects", "Decrypt", "Encrypt"], statement.Sid)
      } } == {
      audit = {
        ReadFiles        = ["arn:aws:s3:::example-orders/incoming/my files/*"]
        TellMissingFiles = ["arn:aws:s3:::example-orders"]
      }
      transform = {
        ReadFiles        = ["arn:aws:s3:::example-orders/incoming/*"]
        TellMissingFiles = ["arn:aws:s3:::example-orders"]
        WriteOutput      = ["arn:aws:s3:::example-orders/processed/*"]
      }
    }
    error_message = "The policies are ${jsonencode({ for name, consumer in module.consumers : name => jsondecode(consumer.policy) })}"
  }

  # The function is told its place in the pipeline.
  assert {
    condition = { for name, value in module.consumers["transform"].environment : name => value
      if !contains(["DEAD_LETTER_QUEUE_URL", "MALLOC_ARENA_MAX", "MAX_RECEIVE_COUNT", "MESSAGE_RETENTION_SECONDS", "QUEUE_URL"], name)
      } == {
      CONSUMER          = "transform"
      METRICS_NAMESPACE = "ObjectPipeline"
      OBJECT_FILTER     = "{\"events\":[\"s3:ObjectCreated:*\"],\"max_bytes\":null,\"min_bytes\":null,\"prefixes\":[\"incoming/\"],\"suffixes\":[]}"
      OUTPUT_BUCKET     = "example-orders"
      OUTPUT_PREFIX     = "processed/"
      PIPELINE          = "orders"
    }
    error_message = "The environment is ${jsonencode(module.consumers["transform"].environment)}"
  }

  assert {
    condition     = jsondecode(module.consumers["audit"].environment.OBJECT_FILTER).suffixes == [".json"]
    error_message = "The environment is ${jsonencode(module.consumers["audit"].environment)}"
  }

  # A consumer without a filter gets all that the pipeline gets.
  assert {
    condition     = module.filters["transform"].filter_policy == null && module.filters["audit"].filter_policy != null
    error_message = "The filters are ${jsonencode(module.filters)}"
  }

  # S3 tells the topic of all that the pipeline lets in.
  assert {
    condition     = jsonencode({ for target, notifications in module.notifications[0].notifications : target => notifications[*].filter_prefix }) == jsonencode({ "topics.files" = ["incoming/"] })
    error_message = "S3 tells ${jsonencode(module.notifications[0].notifications)}"
  }

  # The statements for a key name every service that uses it, and need no key.
  assert {
    condition = { for statement in output.kms_key_statements : statement.Sid => statement.Principal.Service } == {
      AllowAlarms = "cloudwatch.amazonaws.com"
      AllowBucket = "s3.amazonaws.com"
      AllowLogs   = "logs.eu-west-1.amazonaws.com"
      AllowRules  = "events.amazonaws.com"
      AllowTopics = "sns.amazonaws.com"
    }
    error_message = "The statements are ${jsonencode(output.kms_key_statements)}"
  }

  assert {
    condition     = { for statement in output.kms_key_statements : statement.Sid => jsonencode(statement.Condition) }["AllowTopics"] == jsonencode({ ArnEquals = { "aws:SourceArn" = ["arn:aws:sns:eu-west-1:111122223333:orders", "arn:aws:sns:eu-west-1:111122223333:orders-alerts"] } })
    error_message = "The statements are ${jsonencode(output.kms_key_statements)}"
  }

  # EventBridge is documented to send its rule where a queue is encrypted, and no account.
  assert {
    condition     = { for statement in output.kms_key_statements : statement.Sid => jsonencode(statement.Condition) }["AllowRules"] == jsonencode({ ArnLike = { "aws:SourceArn" = ["arn:aws:events:eu-west-1:111122223333:rule/orders-*"] } })
    error_message = "The statements are ${jsonencode(output.kms_key_statements)}"
  }

  # The dashboard has the region's name in its own.
  assert {
    condition     = output.dashboard.name == "orders-eu-west-1"
    error_message = "The dashboard is ${jsonencode(output.dashboard)}"
  }

  # Without a ledger nobody is told of one.
  assert {
    condition     = output.ledger == null && !contains(keys(module.consumers["audit"].environment), "LEDGER_TABLE")
    error_message = "The ledger is ${jsonencode(output.ledger)}"
  }

  # Without a circuit breaker there is none.
  assert {
    condition     = output.circuit_breaker == null
    error_message = "The breaker is ${jsonencode(output.circuit_breaker)}"
  }
}

run "a_consumer_that_needs_the_events_alone_may_read_no_file" {
  command = plan

  variables {
    bucket = { existing = "their-orders", kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/their-files" }
    consumers = { audit = {
      package     = "tests/terraform/packages/load_orders.zip"
      reads_files = false
    } }
  }

  assert {
    condition     = jsonencode(jsondecode(module.consumers["audit"].policy).Statement[*].Sid) == jsonencode(["WriteLogs", "SendToFailureDestination", "ReceiveMessages"])
    error_message = "The policy is ${module.consumers["audit"].policy}"
  }
}

run "files_and_output_may_have_other_keys_than_the_pipeline" {
  variables {
    bucket      = { existing = "their-orders", kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/their-files" }
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/pipeline"
    consumers = {
      audit = { package = "tests/terraform/packages/load_orders.zip" }
      beside = {
        package = "tests/terraform/packages/load_orders.zip"
        output  = { prefix = "processed/" }
      }
      elsewhere = {
        package = "tests/terraform/packages/load_orders.zip"
        output  = { bucket = "results", kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/results", prefix = "processed/" }
      }
      same = {
        package     = "tests/terraform/packages/load_orders.zip"
        output      = { bucket = "results", kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/pipeline", prefix = "same/" }
        reads_files = false
      }
    }
  }

  # Beside the key of the queue.
  assert {
    condition = { for name, consumer in module.consumers : name => {
      for statement in jsondecode(consumer.policy).Statement : statement.Sid => join(" ", sort([for arn in statement.Resource : split("/", arn)[1]]))
      if contains(["Decrypt", "Encrypt"], statement.Sid)
      } } == {
      audit     = { Decrypt = "pipeline their-files", Encrypt = "pipeline" }
      beside    = { Decrypt = "pipeline their-files", Encrypt = "pipeline their-files" }
      elsewhere = { Decrypt = "pipeline results their-files", Encrypt = "pipeline results" }
      same      = { Decrypt = "pipeline", Encrypt = "pipeline" }
    }
    error_message = "The policies are ${jsonencode({ for name, consumer in module.consumers : name => jsondecode(consumer.policy) })}"
  }
}

run "the_bucket_that_the_pipeline_used_is_refused_as_a_new_one" {
  command = plan

  variables {
    bucket = { name = "their-orders" }
  }

  expect_failures = [terraform_data.bucket]
}

run "one_more_consumer_changes_no_other" {
  variables {
    consumers = {
      transform = {
        package = "tests/terraform/packages/load_orders.zip"
        output  = { prefix = "processed/" }
        timeout = 300
      }
      audit = {
        package = "tests/terraform/packages/load_orders.zip"
        filter  = { prefixes = ["incoming/my files/"], suffixes = [".json"] }
      }
      count = { package = "tests/terraform/packages/load_orders.zip" }
    }
  }

  assert {
    condition = (
      output.bucket == run.a_pipeline_with_two_consumers_on_route_topic.bucket
      && output.topic == run.a_pipeline_with_two_consumers_on_route_topic.topic
      && output.consumers["audit"] == run.a_pipeline_with_two_consumers_on_route_topic.consumers["audit"]
      && keys(output.consumers) == ["audit", "count", "transform"]
    )
    error_message = "Something else than the new consumer changed."
  }
}

# The runs before this one have applied the pipeline with a bucket of its own.
run "the_bucket_that_the_pipeline_created_is_refused_as_an_existing_one" {
  command = plan

  variables {
    bucket = { existing = "example-orders" }
  }

  expect_failures = [terraform_data.bucket]
}

run "a_bucket_and_a_topic_that_are_there_are_used_without_a_dashboard_and_with_fifty_tags" {
  command = plan

  variables {
    alerts    = { topic = { arn = "arn:aws:sns:eu-west-1:111122223333:operations" } }
    bucket    = { existing = "their-files", notifications = false }
    dashboard = false
    tags      = { for n in range(50) : "tag-${n}" => "" }
  }

  override_data {
    target = data.aws_s3_bucket.existing
    values = { id = "their-files" }
  }

  # Of an existing bucket the notifications at most are managed; who manages them is told what the pipeline needs.
  assert {
    condition = (
      length(module.notifications) == 0 && !output.notifications.eventbridge
      && output.notifications.topics["files"].prefixes == tolist(["incoming/"])
    )
    error_message = "The notifications are ${jsonencode(output.notifications)}"
  }

  assert {
    condition     = length(module.bucket) == 0 && output.bucket == { arn = "arn:aws:s3:::their-files", name = "their-files" }
    error_message = "The bucket is ${jsonencode(output.bucket)}"
  }

  assert {
    condition     = length(module.alerts) == 0 && output.alerts_topic.arn == "arn:aws:sns:eu-west-1:111122223333:operations"
    error_message = "The alerts topic is ${output.alerts_topic.arn}"
  }

  assert {
    condition     = output.dashboard == null
    error_message = "The dashboard is ${jsonencode(output.dashboard)}"
  }
}

run "a_consumer_can_have_alarms_of_its_own_and_an_output_in_another_bucket" {
  command = plan

  variables {
    alarms = { disabled = ["function_throttles"] }
    filter = {}
    consumers = {
      audit = { package = "tests/terraform/packages/load_orders.zip" }
      transform = {
        package = "tests/terraform/packages/load_orders.zip"
        alarms  = { disabled = ["oldest_message_age"] }
        output  = { bucket = "example-results", prefix = "processed/" }
      }
    }
  }

  assert {
    condition = { for name, consumer in output.consumers : name => keys(consumer.alarms) } == {
      audit     = ["dead_letter_queue_not_empty", "function_errors", "oldest_message_age"]
      transform = ["dead_letter_queue_not_empty", "function_errors", "function_throttles"]
    }
    error_message = "The alarms are ${jsonencode({ for name, consumer in output.consumers : name => keys(consumer.alarms) })}"
  }

  assert {
    condition     = output.consumers["transform"].output.bucket == "example-results"
    error_message = "The output is ${jsonencode(output.consumers["transform"].output)}"
  }
}

run "a_customer_managed_key_is_used_throughout_and_granted_to_the_functions" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition     = alltrue([for consumer in output.consumers : consumer.queue.kms_key_arn == var.kms_key_arn])
    error_message = "A queue has another key."
  }

  assert {
    condition = alltrue([for consumer in module.consumers : jsonencode([
      for statement in jsondecode(consumer.policy).Statement : statement.Resource if contains(["Decrypt", "Encrypt"], statement.Sid)
    ]) == jsonencode([[var.kms_key_arn], [var.kms_key_arn]])])
    error_message = "The policies are ${jsonencode({ for name, consumer in module.consumers : name => jsondecode(consumer.policy) })}"
  }
}

run "an_output_that_the_pipeline_would_take_for_a_new_file_is_refused" {
  command = plan

  variables {
    consumers = { transform = { package = "tests/terraform/packages/load_orders.zip", output = { prefix = "incoming/processed/" } } }
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "an_output_above_the_pipelines_prefix_is_refused" {
  command = plan

  variables {
    filter    = { prefixes = ["orders/incoming/"] }
    consumers = { transform = { package = "tests/terraform/packages/load_orders.zip", output = { prefix = "orders/" } } }
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "an_output_into_a_bucket_that_is_watched_whole_is_refused" {
  command = plan

  variables {
    filter    = { suffixes = [".json"] }
    consumers = { transform = { package = "tests/terraform/packages/load_orders.zip", output = { prefix = "processed/" } } }
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "an_output_into_the_bucket_under_its_own_name_is_refused_too" {
  command = plan

  variables {
    consumers = { transform = { package = "tests/terraform/packages/load_orders.zip", output = { bucket = "example-orders", prefix = "incoming/" } } }
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "an_output_is_no_loop_where_only_deletions_are_told" {
  command = plan

  variables {
    filter    = { events = ["s3:ObjectRemoved:*"] }
    consumers = { transform = { package = "tests/terraform/packages/load_orders.zip", output = { prefix = "processed/" } } }
  }

  assert {
    condition     = length(local.loops) == 0
    error_message = "The loops are ${jsonencode(local.loops)}"
  }
}

# Each variable is refused by one of its validations only.
run "names_that_name_nothing_on_aws_unknown_routes_and_too_many_tags_are_refused" {
  command = plan

  variables {
    name      = "Orders pipeline"
    consumers = { "My audit" = { package = "tests/terraform/packages/load_orders.zip" } }
    route     = "kinesis"
    tags      = { for n in range(51) : "tag-${n}" => "" }
  }

  expect_failures = [var.name, var.consumers, var.route, var.tags]
}

run "what_excludes_each_other_and_a_circuit_breaker_without_a_ledger_are_refused" {
  command = plan

  variables {
    # Addresses for a topic of somebody else.
    alerts = { topic = { arn = "arn:aws:sns:eu-west-1:111122223333:operations" }, emails = ["oncall@example.com"] }
    # Both new and existing.
    bucket          = { name = "example-orders", existing = "their-files" }
    circuit_breaker = { package = "s3://example-packages/circuit_breaker.zip" }
    # Named like a dead-letter queue.
    consumers = { audit-dlq = { package = "tests/terraform/packages/load_orders.zip" } }
  }

  expect_failures = [var.alerts, var.bucket, var.circuit_breaker, var.consumers]
}

run "a_topic_that_is_none_a_key_of_a_new_bucket_and_a_breaker_on_route_function_are_refused" {
  command = plan

  variables {
    alerts          = { topic = { arn = "operations" } }
    bucket          = { name = "example-orders", kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/their-files" }
    circuit_breaker = { package = "s3://example-packages/circuit_breaker.zip" }
    # Its function would be called as the circuit breaker's.
    consumers = { circuit-breaker = { package = "tests/terraform/packages/load_orders.zip" } }
    ledger    = {}
    route     = "function"
  }

  expect_failures = [var.alerts, var.bucket, var.circuit_breaker, var.consumers]
}

run "access_logs_of_an_existing_bucket_wrong_roles_and_a_key_without_its_bucket_are_refused" {
  command = plan

  variables {
    bucket = { existing = "their-files", access_logs = { bucket = "example-logs" } }
    roles  = { path = "pipelines", permissions_boundary = "boundary" }
    consumers = { transform = {
      package = "tests/terraform/packages/load_orders.zip"
      output  = { kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/results", prefix = "processed/" }
    } }
  }

  expect_failures = [var.bucket, var.roles, var.consumers]
}

run "a_plan_needs_nothing_that_is_known_only_after_apply" {
  command = plan

  module {
    source = "./tests/terraform/made_in_the_same_apply"
  }

  assert {
    condition     = keys(module.pipeline.consumers) == ["audit", "transform"]
    error_message = "The consumers are not known at plan."
  }
}

run "on_route_queue_s3_tells_each_queue_what_pipeline_and_consumer_agree_on" {
  command = plan

  variables {
    route  = "queue"
    filter = { prefixes = ["incoming/", "returned/"], suffixes = ["a.json", ".csv"], events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"] }
    consumers = {
      narrow = { package = "tests/terraform/packages/load_orders.zip", filter = { prefixes = ["incoming/eu/"], suffixes = [".json"], events = ["s3:ObjectCreated:Put", "s3:ObjectRemoved:*"] } }
      wide   = { package = "tests/terraform/packages/load_orders.zip", filter = { prefixes = ["ret"] } }
    }
  }

  assert {
    condition = jsonencode({ for target, notifications in module.notifications[0].notifications : target => [
      for notification in notifications : join(" ", concat(notification.events, [notification.filter_prefix, notification.filter_suffix]))
      ] }) == jsonencode({
      "queues.narrow" = ["s3:ObjectCreated:Put s3:ObjectRemoved:Delete incoming/eu/ a.json"]
      "queues.wide" = [
        "s3:ObjectCreated:* s3:ObjectRemoved:Delete returned/ a.json",
        "s3:ObjectCreated:* s3:ObjectRemoved:Delete returned/ .csv",
      ]
    })
    error_message = "S3 tells ${jsonencode(module.notifications[0].notifications)}"
  }
}

run "on_route_function_a_consumer_that_is_switched_off_gets_its_files_into_its_queue" {
  command = plan

  variables {
    route = "function"
    consumers = {
      eu = { package = "tests/terraform/packages/load_orders.zip", filter = { prefixes = ["incoming/eu/"] } }
      us = { package = "tests/terraform/packages/load_orders.zip", filter = { prefixes = ["incoming/us/"] }, enabled = false }
    }
  }

  assert {
    condition     = keys(module.notifications[0].notifications) == ["functions.eu", "queues.us"]
    error_message = "S3 tells ${jsonencode(module.notifications[0].notifications)}"
  }
}

run "on_route_eventbridge_each_consumer_has_a_rule_that_sends_to_its_queue" {
  command = plan

  variables {
    route = "eventbridge"
    consumers = {
      audit = { package = "tests/terraform/packages/load_orders.zip", filter = { suffixes = [".json"], min_bytes = 1, max_bytes = 1000 } }
      # It wants the same files.
      load = { package = "tests/terraform/packages/load_orders.zip" }
    }
  }

  assert {
    condition = jsondecode(module.rules["audit"].pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created"]
      detail = {
        bucket = { name = ["example-orders"] }
        object = { key = [{ wildcard = "incoming/*.json" }], size = [{ numeric = [">=", 1, "<=", 1000] }] }
      }
    }
    error_message = "The pattern is ${module.rules["audit"].pattern}"
  }

  assert {
    condition     = module.rules["audit"].name == "orders-audit" && module.rules["audit"].dead_letter_queue == null
    error_message = "The rule is ${jsonencode(module.rules["audit"])}"
  }

  assert {
    condition     = length(module.notifications[0].notifications) == 0
    error_message = "S3 tells ${jsonencode(module.notifications[0].notifications)}"
  }
}

run "consumers_told_directly_may_exclude_each_other_and_write_where_nobody_is_told" {
  command = plan

  variables {
    route  = "queue"
    filter = { events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"] }
    consumers = {
      json = {
        package = "tests/terraform/packages/load_orders.zip"
        filter  = { prefixes = ["incoming/"], suffixes = [".json"], events = ["s3:ObjectCreated:*"] }
        output  = { prefix = "processed/" }
      }
      csv      = { package = "tests/terraform/packages/load_orders.zip", filter = { prefixes = ["incoming/"], suffixes = [".csv"] } }
      removals = { package = "tests/terraform/packages/load_orders.zip", filter = { suffixes = [".json"], events = ["s3:ObjectRemoved:*"] } }
    }
  }
}

run "an_output_that_another_consumer_is_told_of_is_refused_on_a_direct_route" {
  command = plan

  variables {
    route  = "function"
    filter = {}
    consumers = {
      transform = {
        package = "tests/terraform/packages/load_orders.zip"
        filter  = { prefixes = ["incoming/"] }
        output  = { prefix = "processed/" }
      }
      audit = { package = "tests/terraform/packages/load_orders.zip", filter = { prefixes = ["processed/"] } }
    }
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "with_a_ledger_each_consumer_claims_for_itself_and_a_circuit_breaker_watches_all_that_want_it" {
  variables {
    ledger          = { days = 30 }
    circuit_breaker = { package = "s3://example-packages/circuit_breaker.zip" }
    consumers = {
      audit     = { package = "tests/terraform/packages/load_orders.zip", circuit_breaker = false }
      transform = { package = "tests/terraform/packages/load_orders.zip" }
    }
  }

  assert {
    condition = jsonencode([for statement in jsondecode(module.consumers["audit"].policy).Statement : statement if statement.Sid == "ClaimObjects"]) == jsonencode([{
      Sid       = "ClaimObjects"
      Effect    = "Allow"
      Action    = ["dynamodb:UpdateItem"]
      Resource  = ["arn:aws:dynamodb:eu-west-1:111122223333:table/mock"]
      Condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["orders/audit"] } }
    }])
    error_message = "The policy is ${module.consumers["audit"].policy}"
  }

  assert {
    condition = (
      module.consumers["audit"].environment.LEDGER_TABLE == "orders-ledger"
      && module.consumers["audit"].environment.LEDGER_DAYS == "30"
      && output.ledger.name == "orders-ledger"
    )
    error_message = "The environment is ${jsonencode(module.consumers["audit"].environment)}"
  }

  assert {
    condition     = output.circuit_breaker.alarms == { transform = "orders-transform-error-rate" } && output.circuit_breaker.function.name == "orders-circuit-breaker"
    error_message = "The breaker is ${jsonencode(output.circuit_breaker)}"
  }
}

run "roles_traces_signatures_access_logs_and_file_systems_are_passed_on" {
  command = plan

  variables {
    bucket  = { name = "example-orders", access_logs = { bucket = "example-logs" } }
    roles   = { path = "/pipelines/", permissions_boundary = "arn:aws:iam::111122223333:policy/boundary" }
    tracing = "Active"
    consumers = {
      audit = {
        package = "tests/terraform/packages/load_orders.zip"
        role    = { existing = { arn = "arn:aws:iam::111122223333:role/audit" } }
        tracing = "PassThrough"
      }
      transform = {
        package                 = "tests/terraform/packages/load_orders.zip"
        code_signing_config_arn = "arn:aws:lambda:eu-west-1:111122223333:code-signing-config:csc-0123456789abcdefg"
        file_system             = { access_point_arn = "arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-0123456789abcdef0", mount_path = "/mnt/data" }
        vpc                     = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
      }
    }
  }

  assert {
    condition = { for name, consumer in output.consumers : name => consumer.role.name } == {
      audit = "audit", transform = "orders-transform-eu-west-1-${substr(sha256("/pipelines/"), 0, 4)}"
    }
    error_message = "The roles are ${jsonencode(output.consumers)}"
  }

  assert {
    condition = { for name, consumer in module.consumers : name => [
      for sid in ["MountFileSystem", "WriteTraces"] : contains(jsondecode(consumer.policy).Statement[*].Sid, sid)
    ] } == { audit = [false, false], transform = [true, true] }
    error_message = "The policies are ${jsonencode({ for name, consumer in module.consumers : name => consumer.policy })}"
  }
}

