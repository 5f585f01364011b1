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

run "every_consumer_has_a_queue_a_function_and_alarms_named_after_it" {
  assert {
    condition = { for name, consumer in output.consumers : name => [consumer.queue.name, consumer.dead_letter_queue.name, consumer.function.name, consumer.role.name] } == {
      audit     = ["orders-audit", "orders-audit-dlq", "orders-audit", "orders-audit"]
      transform = ["orders-transform", "orders-transform-dlq", "orders-transform", "orders-transform"]
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
}

run "the_visibility_timeout_follows_the_functions_timeout" {
  assert {
    condition     = { for name, consumer in output.consumers : name => consumer.queue.visibility_timeout_seconds } == { audit = 180, transform = 1800 }
    error_message = "The consumers are ${jsonencode(output.consumers)}"
  }
}

run "a_function_may_read_only_the_files_it_is_sent_and_write_only_its_output" {
  assert {
    condition = local.policy_statements["transform"] == {
      read_files         = { actions = ["s3:GetObject", "s3:GetObjectVersion"], resources = ["arn:aws:s3:::example-orders/incoming/*"] }
      tell_missing_files = { actions = ["s3:ListBucket"], resources = ["arn:aws:s3:::example-orders"] }
      write_output       = { actions = ["s3:PutObject"], resources = ["arn:aws:s3:::example-orders/processed/*"] }
    }
    error_message = "The statements are ${jsonencode(local.policy_statements["transform"])}"
  }

  assert {
    condition = local.policy_statements["audit"] == {
      read_files         = { actions = ["s3:GetObject", "s3:GetObjectVersion"], resources = ["arn:aws:s3:::example-orders/incoming/my files/*"] }
      tell_missing_files = { actions = ["s3:ListBucket"], resources = ["arn:aws:s3:::example-orders"] }
    }
    error_message = "The statements are ${jsonencode(local.policy_statements["audit"])}"
  }
}

run "characters_that_iam_would_expand_stay_characters" {
  variables {
    filter    = { prefixes = ["in*/"] }
    consumers = { audit = { package = "tests/terraform/packages/load_orders.zip" } }
  }

  assert {
    condition     = local.policy_statements["audit"].read_files.resources == ["arn:aws:s3:::example-orders/in$${*}/*"]
    error_message = "The statements are ${jsonencode(local.policy_statements["audit"])}"
  }
}

run "the_function_is_told_its_place_in_the_pipeline" {
  assert {
    condition = local.environments["transform"] == {
      CONSUMER          = "transform"
      METRICS_NAMESPACE = "ObjectPipeline"
      OBJECT_FILTER     = "{\"events\":[],\"prefixes\":[\"incoming/\"],\"suffixes\":[]}"
      OUTPUT_BUCKET     = "example-orders"
      OUTPUT_PREFIX     = "processed/"
      PIPELINE          = "orders"
    }
    error_message = "The environment is ${jsonencode(local.environments["transform"])}"
  }
}

run "a_consumer_without_a_filter_gets_all_the_pipeline_gets" {
  assert {
    condition     = local.filter_policies["transform"] == null && length(local.filter_criteria["transform"]) == 0
    error_message = "The filters are ${jsonencode(local.filter_policies)}"
  }
}

run "with_prefixes_and_suffixes_the_topic_looks_at_the_first_and_the_mapping_at_the_second" {
  assert {
    condition     = local.filter_policies["audit"] == "{\"Records\":{\"s3\":{\"object\":{\"key\":[{\"prefix\":\"incoming/my+files/\"}]}}}}"
    error_message = "The filter policy is ${local.filter_policies["audit"]}"
  }

  assert {
    condition     = local.filter_criteria["audit"] == tolist(["{\"body\":{\"Records\":{\"s3\":{\"object\":{\"key\":[{\"suffix\":\".json\"}]}}}}}"])
    error_message = "The filter criteria are ${jsonencode(local.filter_criteria["audit"])}"
  }
}

run "suffixes_alone_and_events_are_the_topics_to_filter" {
  variables {
    filter = { events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"] }
    consumers = { audit = {
      package = "tests/terraform/packages/load_orders.zip"
      filter  = { suffixes = ["~1*.json"], events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"] }
    } }
  }

  assert {
    condition = jsondecode(local.filter_policies["audit"]) == {
      Records = {
        s3        = { object = { key = [{ suffix = "~1%2A.json" }, { suffix = "%7E1*.json" }] } }
        eventName = [{ prefix = "ObjectCreated:" }, "ObjectRemoved:Delete"]
      }
    }
    error_message = "The filter policy is ${local.filter_policies["audit"]}"
  }

  assert {
    condition     = length(local.filter_criteria["audit"]) == 0
    error_message = "The mapping filters what the topic has filtered."
  }
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
      output.bucket == run.every_consumer_has_a_queue_a_function_and_alarms_named_after_it.bucket
      && output.topic == run.every_consumer_has_a_queue_a_function_and_alarms_named_after_it.topic
      && output.consumers["audit"] == run.every_consumer_has_a_queue_a_function_and_alarms_named_after_it.consumers["audit"]
      && keys(output.consumers) == ["audit", "count", "transform"]
    )
    error_message = "Something else than the new consumer changed."
  }
}

run "of_an_existing_bucket_only_the_notifications_are_managed" {
  variables {
    bucket = { existing = "their-files" }
  }

  override_data {
    target = data.aws_s3_bucket.existing
    values = { id = "their-files" }
  }

  assert {
    condition     = length(module.bucket) == 0 && output.bucket == { arn = "arn:aws:s3:::their-files", name = "their-files" }
    error_message = "The bucket is ${jsonencode(output.bucket)}"
  }
}

run "alarms_tell_a_topic_that_is_there_already" {
  variables {
    alerts = { topic = { arn = "arn:aws:sns:eu-west-1:111122223333:operations" } }
  }

  assert {
    condition     = length(module.alerts) == 0 && output.alerts_topic.arn == "arn:aws:sns:eu-west-1:111122223333:operations"
    error_message = "The alerts topic is ${output.alerts_topic.arn}"
  }
}

run "a_consumer_can_have_alarms_of_its_own" {
  variables {
    alarms = { disabled = ["function_throttles"] }
    consumers = {
      audit     = { package = "tests/terraform/packages/load_orders.zip" }
      transform = { package = "tests/terraform/packages/load_orders.zip", alarms = { disabled = ["oldest_message_age"] } }
    }
  }

  assert {
    condition = { for name, consumer in output.consumers : name => keys(consumer.alarms) } == {
      audit     = ["dead_letter_queue_not_empty", "function_errors", "oldest_message_age"]
      transform = ["dead_letter_queue_not_empty", "function_errors", "function_throttles"]
    }
    error_message = "The alarms are ${jsonencode({ for name, consumer in output.consumers : name => keys(consumer.alarms) })}"
  }
}

run "a_customer_managed_key_is_used_throughout_and_granted_to_the_functions" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition = local.policy_statements["audit"].use_key == {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.kms_key_arn]
    }
    error_message = "The statements are ${jsonencode(local.policy_statements["audit"])}"
  }

  assert {
    condition     = alltrue([for consumer in output.consumers : consumer.queue.kms_key_arn == var.kms_key_arn])
    error_message = "A queue has another key."
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

run "an_output_into_another_bucket_is_no_loop" {
  command = plan

  variables {
    filter    = {}
    consumers = { transform = { package = "tests/terraform/packages/load_orders.zip", output = { bucket = "example-results", prefix = "processed/" } } }
  }

  assert {
    condition     = local.policy_statements["transform"].write_output.resources == ["arn:aws:s3:::example-results/processed/*"]
    error_message = "The statements are ${jsonencode(local.policy_statements["transform"])}"
  }
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

run "a_prefix_that_the_pipeline_keeps_out_is_refused" {
  command = plan

  variables {
    consumers = { audit = { package = "tests/terraform/packages/load_orders.zip", filter = { prefixes = ["returned/"] } } }
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "a_suffix_that_the_pipeline_keeps_out_is_refused" {
  command = plan

  variables {
    filter    = { suffixes = [".json"] }
    consumers = { audit = { package = "tests/terraform/packages/load_orders.zip", filter = { suffixes = [".csv"] } } }
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "an_event_that_the_pipeline_keeps_out_is_refused" {
  command = plan

  variables {
    consumers = { audit = { package = "tests/terraform/packages/load_orders.zip", filter = { events = ["s3:ObjectRemoved:*"] } } }
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "a_consumer_may_want_more_or_less_than_the_pipeline_passes" {
  command = plan

  variables {
    filter = { prefixes = ["incoming/"], suffixes = [".json", ".csv"] }
    consumers = {
      less = { package = "tests/terraform/packages/load_orders.zip", filter = { prefixes = ["incoming/orders/"], suffixes = [".orders.json"], events = ["s3:ObjectCreated:Put"] } }
      more = { package = "tests/terraform/packages/load_orders.zip", filter = { prefixes = ["in"] } }
    }
  }

  assert {
    condition     = length(local.unreachable) == 0
    error_message = "These are said to be kept out: ${jsonencode(local.unreachable)}"
  }
}

run "a_filter_larger_than_sns_takes_is_refused" {
  command = plan

  variables {
    consumers = { audit = { package = "tests/terraform/packages/load_orders.zip", filter = { prefixes = [for n in range(38) : "incoming/${n}/"] } } }
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "the_largest_filter_that_sns_takes_is_accepted" {
  command = plan

  variables {
    consumers = { audit = { package = "tests/terraform/packages/load_orders.zip", filter = { prefixes = [for n in range(37) : "incoming/${n}/"] } } }
  }

  assert {
    condition     = length(jsondecode(local.filter_policies["audit"]).Records.s3.object.key) == 37
    error_message = "The filter policy is ${local.filter_policies["audit"]}"
  }
}

run "an_empty_text_in_the_pipelines_filter_is_refused" {
  command = plan

  variables {
    filter = { prefixes = [""] }
  }

  expect_failures = [var.filter]
}

run "an_empty_text_in_a_consumers_filter_is_refused" {
  command = plan

  variables {
    consumers = { audit = { package = "tests/terraform/packages/load_orders.zip", filter = { suffixes = [""] } } }
  }

  expect_failures = [var.consumers]
}

run "an_output_without_a_prefix_is_refused" {
  command = plan

  variables {
    consumers = { transform = { package = "tests/terraform/packages/load_orders.zip", output = { bucket = "example-results", prefix = "" } } }
  }

  expect_failures = [var.consumers]
}

run "a_variable_that_the_pipeline_sets_is_refused" {
  command = plan

  variables {
    consumers = { audit = { package = "tests/terraform/packages/load_orders.zip", environment = { OBJECT_FILTER = "{}" } } }
  }

  expect_failures = [var.consumers]
}

run "a_consumer_named_like_a_dead_letter_queue_is_refused" {
  command = plan

  variables {
    consumers = { audit-dlq = { package = "tests/terraform/packages/load_orders.zip" } }
  }

  expect_failures = [var.consumers]
}

run "a_consumers_name_that_names_nothing_on_aws_is_refused" {
  command = plan

  variables {
    consumers = { "My audit" = { package = "tests/terraform/packages/load_orders.zip" } }
  }

  expect_failures = [var.consumers]
}

run "a_bucket_that_is_both_new_and_existing_is_refused" {
  command = plan

  variables {
    bucket = { name = "example-orders", existing = "their-files" }
  }

  expect_failures = [var.bucket]
}

run "addresses_for_a_topic_of_somebody_else_are_refused" {
  command = plan

  variables {
    alerts = { topic = { arn = "arn:aws:sns:eu-west-1:111122223333:operations" }, emails = ["oncall@example.com"] }
  }

  expect_failures = [var.alerts]
}

run "a_name_that_names_nothing_on_aws_is_refused" {
  command = plan

  variables {
    name = "Orders pipeline"
  }

  expect_failures = [var.name]
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

run "a_statement_that_the_pipeline_writes_is_refused" {
  command = plan

  variables {
    consumers = { audit = { package = "tests/terraform/packages/load_orders.zip", policy_statements = { read_files = { actions = ["s3:GetObject"], resources = ["*"] } } } }
  }

  expect_failures = [var.consumers]
}
