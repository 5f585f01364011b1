mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  name    = "orders"
  buckets = ["example-orders"]
  targets = { queue = { arn = "arn:aws:sqs:eu-west-1:111122223333:orders" } }
}

run "by_default_every_new_object_of_the_bucket_matches" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  assert {
    condition     = jsondecode(output.pattern) == { source = ["aws.s3"], detail-type = ["Object Created"], detail = { bucket = { name = ["example-orders"] } } }
    error_message = "The pattern is ${output.pattern}"
  }

  assert {
    condition     = aws_cloudwatch_event_target.this["queue"].arn == "arn:aws:sqs:eu-west-1:111122223333:orders" && aws_cloudwatch_event_rule.this.state == "ENABLED" && output.archive == null
    error_message = "The rule is ${jsonencode(aws_cloudwatch_event_rule.this)}"
  }
}

run "prefixes_suffixes_and_sizes_are_asked_of_the_key_as_it_is" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    buckets = ["returns", "example-orders"]
    filter  = { prefixes = ["in*/", "a\\b/"], suffixes = [".json"], min_bytes = 1, max_bytes = 1000 }
  }

  assert {
    condition = jsondecode(output.pattern).detail == {
      bucket = { name = ["example-orders", "returns"] }
      object = {
        key  = [{ wildcard = "in\\*/*.json" }, { wildcard = "a\\\\b/*.json" }]
        size = [{ numeric = [">=", 1, "<=", 1000] }]
      }
    }
    error_message = "The pattern is ${output.pattern}"
  }
}

run "a_prefix_alone_and_a_suffix_alone_are_asked_as_such" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    filter = { suffixes = [".json", ".csv"] }
  }

  assert {
    condition     = jsondecode(output.pattern).detail.object == { key = [{ suffix = ".json" }, { suffix = ".csv" }] }
    error_message = "The pattern is ${output.pattern}"
  }
}

run "a_key_in_which_prefix_and_suffix_share_characters_matches" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    filter = { prefixes = ["a.js"], suffixes = [".json"] }
  }

  assert {
    condition     = jsondecode(output.pattern).detail.object.key == [{ wildcard = "a.js*.json" }, "a.json"]
    error_message = "The pattern is ${output.pattern}"
  }
}

run "what_is_excluded_is_excluded_at_once" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    filter = { excluded_prefixes = ["processed/", "tmp/"], excluded_suffixes = [".part"] }
  }

  assert {
    condition     = jsondecode(output.pattern).detail.object == { key = [{ anything-but = { wildcard = ["processed/*", "tmp/*", "*.part"] } }] }
    error_message = "The pattern is ${output.pattern}"
  }
}

run "events_have_the_names_of_s3s_notifications" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    filter = { events = ["s3:ObjectCreated:Put", "s3:ObjectCreated:Copy", "s3:ObjectRemoved:DeleteMarkerCreated", "s3:ObjectTagging:*"] }
  }

  assert {
    condition = jsondecode(output.pattern) == {
      source = ["aws.s3"]
      "$or" = [
        { detail-type = ["Object Tags Added", "Object Tags Deleted"], detail = { bucket = { name = ["example-orders"] } } },
        { detail-type = ["Object Created"], detail = { bucket = { name = ["example-orders"] }, reason = ["PutObject", "CopyObject"] } },
        { detail-type = ["Object Deleted"], detail = { bucket = { name = ["example-orders"] }, reason = ["DeleteObject"], deletion-type = ["Delete Marker Created"] } },
      ]
    }
    error_message = "The pattern is ${output.pattern}"
  }
}

run "what_can_not_be_delivered_goes_to_a_queue_only_the_rule_may_send_to" {
  module {
    source = "./modules/object-event-rule"
  }

  assert {
    condition = jsondecode(aws_sqs_queue.undelivered[0].policy).Statement[1] == {
      Sid       = "AllowRule"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:aws:sqs:eu-west-1:111122223333:orders-undelivered"
      Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:events:eu-west-1:111122223333:rule/orders" } }
    }
    error_message = "The policy is ${aws_sqs_queue.undelivered[0].policy}"
  }

  assert {
    condition     = output.kms_key_statements[0].Condition == { ArnEquals = { "aws:SourceArn" = "arn:aws:events:eu-west-1:111122223333:rule/orders" } }
    error_message = "The key lets in ${jsonencode(output.kms_key_statements)}"
  }

  assert {
    condition     = aws_cloudwatch_event_target.this["queue"].dead_letter_config[0].arn == aws_sqs_queue.undelivered[0].arn && aws_sqs_queue.undelivered[0].sqs_managed_sse_enabled
    error_message = "The target has no net under it."
  }
}

run "a_dead_letter_queue_of_ones_own_takes_the_place_of_the_modules" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    dead_letter_queue = { arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq" }
    targets           = { queue = { arn = "arn:aws:sqs:eu-west-1:111122223333:orders.fifo", message_group_id = "orders" } }
  }

  assert {
    condition     = length(aws_sqs_queue.undelivered) == 0 && aws_cloudwatch_event_target.this["queue"].dead_letter_config[0].arn == "arn:aws:sqs:eu-west-1:111122223333:orders-dlq" && aws_cloudwatch_event_target.this["queue"].sqs_target[0].message_group_id == "orders"
    error_message = "The target is ${jsonencode(aws_cloudwatch_event_target.this)}"
  }
}

run "the_archive_keeps_what_the_rule_matches" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    archive = { retention_days = 30 }
  }

  assert {
    condition     = aws_cloudwatch_event_archive.this[0].event_pattern == output.pattern && aws_cloudwatch_event_archive.this[0].retention_days == 30 && aws_cloudwatch_event_archive.this[0].event_source_arn == "arn:aws:events:eu-west-1:111122223333:event-bus/default"
    error_message = "The archive is ${jsonencode(aws_cloudwatch_event_archive.this)}"
  }
}

run "an_archive_with_a_name_too_long_for_one_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    name    = "orders-of-a-department-with-an-exceptionally-long-name"
    archive = { retention_days = 30 }
  }

  expect_failures = [aws_cloudwatch_event_archive.this]
}

run "an_event_that_eventbridge_does_not_have_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    filter = { events = ["s3:ObjectCreated:*", "s3:ReducedRedundancyLostObject"] }
  }

  expect_failures = [aws_cloudwatch_event_rule.this]
}

# Without a character in the prefix the pattern has 135.
run "a_pattern_longer_than_an_account_may_have_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    filter = { prefixes = [format("%01914d", 0)] }
  }

  expect_failures = [aws_cloudwatch_event_rule.this]
}

run "a_pattern_as_long_as_an_account_may_have_is_accepted" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    filter = { prefixes = [format("%01913d", 0)] }
  }

  assert {
    condition     = length(output.pattern) == 2048
    error_message = "The pattern has ${length(output.pattern)} characters."
  }
}

run "a_longer_pattern_is_accepted_where_the_account_has_more" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    filter        = { prefixes = [format("%03961d", 0)] }
    pattern_quota = 4096
  }
}

run "a_quota_that_no_account_has_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    pattern_quota = 4097
  }

  expect_failures = [var.pattern_quota]
}

run "a_size_that_eventbridge_does_not_compare_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    filter = { max_bytes = 5000000001 }
  }

  expect_failures = [var.filter]
}

run "the_largest_size_that_eventbridge_compares_is_accepted" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    filter = { min_bytes = 0, max_bytes = 5000000000 }
  }
}

run "a_fifo_queue_without_a_message_group_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    targets = { queue = { arn = "arn:aws:sqs:eu-west-1:111122223333:orders.fifo" } }
  }

  expect_failures = [var.targets]
}

run "a_topic_among_the_targets_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    targets = { topic = { arn = "arn:aws:sns:eu-west-1:111122223333:orders" } }
  }

  expect_failures = [var.targets]
}

run "a_fifo_topic_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    topics = { files = { arn = "arn:aws:sns:eu-west-1:111122223333:orders.fifo" } }
  }

  expect_failures = [var.topics]
}

run "a_topics_key_that_is_an_alias_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    topics = { files = { arn = "arn:aws:sns:eu-west-1:111122223333:orders", kms_key_arn = "alias/orders" } }
  }

  expect_failures = [var.topics]
}

run "the_rule_publishes_under_a_role_that_only_it_has" {
  module {
    source = "./modules/object-event-rule"
  }

  variables {
    topics = {
      files  = { arn = "arn:aws:sns:eu-west-1:111122223333:files" }
      copies = { arn = "arn:aws:sns:eu-west-1:111122223333:copies", kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1" }
    }
  }

  assert {
    condition = jsonencode({ for name, target in aws_cloudwatch_event_target.this : name => [target.arn, target.role_arn] }) == jsonencode({
      copies = ["arn:aws:sns:eu-west-1:111122223333:copies", aws_iam_role.topics[0].arn]
      files  = ["arn:aws:sns:eu-west-1:111122223333:files", aws_iam_role.topics[0].arn]
      queue  = ["arn:aws:sqs:eu-west-1:111122223333:orders", null]
    })
    error_message = "The targets are ${jsonencode(aws_cloudwatch_event_target.this)}"
  }

  assert {
    condition = jsondecode(aws_iam_role.topics[0].assume_role_policy).Statement == [{
      Sid       = "AllowRule"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = "arn:aws:events:eu-west-1:111122223333:rule/orders" }
        StringEquals = { "aws:SourceAccount" = "111122223333" }
      }
    }]
    error_message = "The role trusts ${aws_iam_role.topics[0].assume_role_policy}"
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.topics[0].policy).Statement == [
      {
        Sid    = "Publish"
        Effect = "Allow"
        Action = ["sns:Publish"]
        Resource = [
          "arn:aws:sns:eu-west-1:111122223333:copies",
          "arn:aws:sns:eu-west-1:111122223333:files",
        ]
      },
      {
        Sid      = "UseTopicKeys"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource = ["arn:aws:kms:eu-west-1:111122223333:key/1"]
      },
    ]
    error_message = "The role may ${aws_iam_role_policy.topics[0].policy}"
  }

  assert {
    condition     = aws_iam_role.topics[0].name == "orders-rule-eu-west-1" && output.role != null
    error_message = "The role is called ${aws_iam_role.topics[0].name}"
  }
}

run "without_topics_there_is_no_role" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  assert {
    condition     = length(aws_iam_role.topics) == 0 && length(aws_iam_role_policy.topics) == 0 && output.role == null
    error_message = "There is a role that nobody needs."
  }
}

run "a_name_too_long_for_the_role_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    name    = join("", [for n in range(50) : "n"])
    targets = {}
    topics  = { files = { arn = "arn:aws:sns:eu-west-1:111122223333:files" } }
  }

  expect_failures = [aws_iam_role.topics]
}

run "the_longest_name_that_the_role_takes_is_accepted" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    name    = join("", [for n in range(49) : "n"])
    targets = {}
    topics  = { files = { arn = "arn:aws:sns:eu-west-1:111122223333:files" } }
  }
}

run "more_targets_than_a_rule_takes_are_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    targets = { for n in range(3) : "q${n}" => { arn = "arn:aws:sqs:eu-west-1:111122223333:q${n}" } }
    topics  = { for n in range(3) : "t${n}" => { arn = "arn:aws:sns:eu-west-1:111122223333:t${n}" } }
  }

  expect_failures = [aws_cloudwatch_event_rule.this]
}

run "as_many_targets_as_a_rule_takes_are_accepted" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    targets = { for n in range(3) : "q${n}" => { arn = "arn:aws:sqs:eu-west-1:111122223333:q${n}" } }
    topics  = { for n in range(2) : "t${n}" => { arn = "arn:aws:sns:eu-west-1:111122223333:t${n}" } }
  }
}

run "a_rule_without_a_target_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    targets = {}
  }

  expect_failures = [aws_cloudwatch_event_rule.this]
}

run "a_queue_and_a_topic_of_one_name_are_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    topics = { queue = { arn = "arn:aws:sns:eu-west-1:111122223333:files" } }
  }

  expect_failures = [aws_cloudwatch_event_rule.this]
}

run "a_rule_for_no_bucket_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    buckets = []
  }

  expect_failures = [var.buckets]
}

run "a_retry_beyond_what_eventbridge_does_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    retry = { maximum_attempts = 186 }
  }

  expect_failures = [var.retry]
}

run "the_role_has_a_path_and_a_boundary" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    role   = { path = "/pipelines/", permissions_boundary = "arn:aws:iam::111122223333:policy/boundary" }
    topics = { orders = { arn = "arn:aws:sns:eu-west-1:111122223333:orders" } }
  }

  assert {
    condition = (
      aws_iam_role.topics[0].path == "/pipelines/"
      && aws_iam_role.topics[0].permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
      && aws_iam_role.topics[0].name == "orders-rule-eu-west-1-${substr(sha256("/pipelines/"), 0, 4)}"
    )
    error_message = "The role is ${jsonencode(aws_iam_role.topics)}"
  }
}

run "a_path_that_iam_does_not_take_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    role = { path = "/pipelines" }
  }

  expect_failures = [var.role]
}

run "a_boundary_that_is_no_policy_is_refused" {
  command = plan

  module {
    source = "./modules/object-event-rule"
  }

  variables {
    role = { permissions_boundary = "arn:aws:iam::111122223333:role/boundary" }
  }

  expect_failures = [var.role]
}
