mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  name = "orders"
}

run "messages_have_four_days_and_five_receives_and_then_fourteen_days_in_the_dead_letter_queue" {
  module {
    source = "./modules/queue-with-dlq"
  }

  assert {
    condition     = aws_sqs_queue.this.message_retention_seconds == 4 * 24 * 3600 && aws_sqs_queue.dead_letter.message_retention_seconds == 14 * 24 * 3600
    error_message = "Retention is ${aws_sqs_queue.this.message_retention_seconds} s and ${aws_sqs_queue.dead_letter.message_retention_seconds} s."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.this.redrive_policy) == { deadLetterTargetArn = aws_sqs_queue.dead_letter.arn, maxReceiveCount = 5 }
    error_message = "The redrive policy is ${aws_sqs_queue.this.redrive_policy}"
  }

  assert {
    condition     = aws_sqs_queue.this.sqs_managed_sse_enabled && aws_sqs_queue.dead_letter.sqs_managed_sse_enabled
    error_message = "Messages are not encrypted with SQS's own key."
  }
}

run "only_its_own_queue_may_use_the_dead_letter_queue" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  assert {
    condition = jsondecode(aws_sqs_queue.dead_letter.redrive_allow_policy) == {
      redrivePermission = "byQueue"
      sourceQueueArns   = ["arn:aws:sqs:eu-west-1:111122223333:orders"]
    }
    error_message = "The redrive allow policy is ${aws_sqs_queue.dead_letter.redrive_allow_policy}"
  }
}

run "without_senders_the_policies_only_deny_what_is_not_tls" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  assert {
    condition = jsondecode(aws_sqs_queue.this.policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "DenyWithoutTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = "arn:aws:sqs:eu-west-1:111122223333:orders"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }]
    }
    error_message = "The policy is ${aws_sqs_queue.this.policy}"
  }

  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue.dead_letter.policy).Statement : "${statement.Sid} ${statement.Resource}"] == ["DenyWithoutTLS arn:aws:sqs:eu-west-1:111122223333:orders-dlq"]
    error_message = "The dead-letter queue's policy is ${aws_sqs_queue.dead_letter.policy}"
  }
}

run "a_subscription_is_raw_and_filtered_by_body_and_keeps_what_sns_could_not_deliver" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    subscriptions = { files = {
      topic_arn     = "arn:aws:sns:eu-west-1:111122223333:files"
      filter_policy = "{\"Records\":{\"s3\":{\"object\":{\"key\":[{\"prefix\":\"incoming/\"}]}}}}"
    } }
  }

  assert {
    condition = (
      aws_sns_topic_subscription.this["files"].raw_message_delivery
      && aws_sns_topic_subscription.this["files"].filter_policy_scope == "MessageBody"
      && jsondecode(aws_sns_topic_subscription.this["files"].redrive_policy).deadLetterTargetArn == aws_sqs_queue.dead_letter.arn
    )
    error_message = "The subscription is ${jsonencode(aws_sns_topic_subscription.this["files"])}"
  }

  assert {
    condition = alltrue([for policy in [aws_sqs_queue.this.policy, aws_sqs_queue.dead_letter.policy] :
      jsondecode(policy).Statement[1].Principal == { Service = "sns.amazonaws.com" }
      && jsondecode(policy).Statement[1].Action == "sqs:SendMessage"
      && jsondecode(policy).Statement[1].Condition == { ArnEquals = { "aws:SourceArn" = ["arn:aws:sns:eu-west-1:111122223333:files"] } }
    ])
    error_message = "The topic may not send to both queues."
  }
}

run "a_service_may_send_for_its_source_and_account_to_the_queue_but_not_to_the_dead_letter_queue" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    senders = { my-bucket = { service = "s3.amazonaws.com", source_arns = ["arn:aws:s3:::example-files"] } }
  }

  assert {
    condition = jsondecode(aws_sqs_queue.this.policy).Statement[1] == {
      Sid       = "AllowMyBucket"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:aws:sqs:eu-west-1:111122223333:orders"
      Condition = {
        ArnLike      = { "aws:SourceArn" = ["arn:aws:s3:::example-files"] }
        StringEquals = { "aws:SourceAccount" = "111122223333" }
      }
    }
    error_message = "The policy is ${aws_sqs_queue.this.policy}"
  }

  assert {
    condition     = length(jsondecode(aws_sqs_queue.dead_letter.policy).Statement) == 1
    error_message = "The dead-letter queue's policy is ${aws_sqs_queue.dead_letter.policy}"
  }
}

run "a_customer_managed_key_replaces_the_managed_one_on_both_queues" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition     = aws_sqs_queue.this.kms_master_key_id == var.kms_key_arn && aws_sqs_queue.dead_letter.kms_master_key_id == var.kms_key_arn
    error_message = "The key isn't used."
  }

  assert {
    condition     = output.queue.kms_key_arn == var.kms_key_arn
    error_message = "A consumer can't know which key it needs."
  }
}

run "both_queues_are_fifo_or_none_is" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    fifo          = { content_based_deduplication = true, high_throughput = true }
    subscriptions = { files = { topic_arn = "arn:aws:sns:eu-west-1:111122223333:files.fifo" } }
  }

  assert {
    condition     = aws_sqs_queue.this.name == "orders.fifo" && aws_sqs_queue.dead_letter.name == "orders-dlq.fifo"
    error_message = "The names are ${aws_sqs_queue.this.name} and ${aws_sqs_queue.dead_letter.name}"
  }

  assert {
    condition     = aws_sqs_queue.this.fifo_queue && aws_sqs_queue.dead_letter.fifo_queue && aws_sqs_queue.this.content_based_deduplication
    error_message = "A queue isn't FIFO, or deduplicates by id only."
  }

  assert {
    condition     = aws_sqs_queue.this.deduplication_scope == "messageGroup" && aws_sqs_queue.this.fifo_throughput_limit == "perMessageGroupId"
    error_message = "Throughput is limited for the whole queue."
  }

  assert {
    condition     = output.queue.fifo
    error_message = "A consumer can't know that the queue is FIFO."
  }
}

run "the_output_queue_is_all_a_consumer_needs" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  assert {
    condition = jsonencode(output.queue) == jsonencode({
      arn = "arn:aws:sqs:eu-west-1:111122223333:mock"
      dead_letter_queue = {
        arn  = "arn:aws:sqs:eu-west-1:111122223333:mock"
        name = "orders-dlq"
        url  = "https://sqs.eu-west-1.amazonaws.com/111122223333/mock"
      }
      fifo                       = false
      kms_key_arn                = null
      max_receive_count          = 5
      message_retention_seconds  = 345600
      name                       = "orders"
      url                        = "https://sqs.eu-west-1.amazonaws.com/111122223333/mock"
      visibility_timeout_seconds = 180
    })
    error_message = "The output is ${jsonencode(output.queue)}"
  }
}

run "a_dead_letter_queue_that_forgets_sooner_than_the_queue_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    dead_letter_queue = { message_retention_seconds = 86400 }
  }

  expect_failures = [aws_sqs_queue.this]
}

run "a_dead_letter_queue_that_forgets_with_the_queue_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    dead_letter_queue         = { message_retention_seconds = 86400 }
    message_retention_seconds = 86400
  }

  expect_failures = [aws_sqs_queue.this]
}

run "a_dead_letter_queue_that_keeps_messages_longer_than_the_queue_is_accepted" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    dead_letter_queue         = { message_retention_seconds = 86401 }
    message_retention_seconds = 86400
  }

  assert {
    condition     = aws_sqs_queue.dead_letter.message_retention_seconds == 86401
    error_message = "The dead-letter queue keeps messages for ${aws_sqs_queue.dead_letter.message_retention_seconds} s."
  }
}

run "both_queues_may_keep_messages_for_the_longest_that_sqs_takes" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    message_retention_seconds = 1209600
  }

  assert {
    condition     = aws_sqs_queue.this.message_retention_seconds == aws_sqs_queue.dead_letter.message_retention_seconds
    error_message = "The dead-letter queue keeps messages for ${aws_sqs_queue.dead_letter.message_retention_seconds} s."
  }
}

run "in_a_fifo_dead_letter_queue_a_message_begins_anew" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    dead_letter_queue         = { message_retention_seconds = 86400 }
    fifo                      = {}
    message_retention_seconds = 86400
  }

  assert {
    condition     = aws_sqs_queue.dead_letter.message_retention_seconds == 86400
    error_message = "The dead-letter queue keeps messages for ${aws_sqs_queue.dead_letter.message_retention_seconds} s."
  }
}

# 4 x (300 + 900) s.
run "messages_that_expire_before_their_last_receive_are_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    max_receive_count          = 4
    message_retention_seconds  = 4800
    visibility_timeout_seconds = 300
  }

  expect_failures = [aws_sqs_queue.this]
}

run "messages_that_outlive_their_last_receive_are_accepted" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    max_receive_count          = 4
    message_retention_seconds  = 4801
    visibility_timeout_seconds = 300
  }

  assert {
    condition     = local.longest_receives == 4800
    error_message = "A message may be received for ${local.longest_receives} s."
  }
}

# 8 x 12 hours, which is as long as SQS hides a message: 11.75 hours of delay after up to 6.
run "messages_that_expire_while_a_function_puts_them_off_are_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    max_receive_count          = 8
    max_retry_delay_seconds    = 42300
    message_retention_seconds  = 345600
    visibility_timeout_seconds = 21600
  }

  expect_failures = [aws_sqs_queue.this]
}

run "messages_that_outlive_what_a_function_puts_them_off_are_accepted" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    max_receive_count          = 8
    max_retry_delay_seconds    = 42300
    message_retention_seconds  = 345601
    visibility_timeout_seconds = 21600
  }

  assert {
    condition     = local.longest_receives == 345600
    error_message = "A message may be received for ${local.longest_receives} s."
  }
}

run "messages_of_a_consumer_that_sets_no_delays_need_no_room_for_them" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    max_receive_count          = 4
    max_retry_delay_seconds    = 0
    message_retention_seconds  = 1201
    visibility_timeout_seconds = 300
  }

  assert {
    condition     = local.longest_receives == 1200
    error_message = "A message may be received for ${local.longest_receives} s."
  }
}

run "s3_as_a_sender_to_a_fifo_queue_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    fifo    = {}
    senders = { bucket = { service = "s3.amazonaws.com", source_arns = ["arn:aws:s3:::example-files"] } }
  }

  expect_failures = [aws_sqs_queue.this]
}

run "a_standard_topic_for_a_fifo_queue_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    fifo          = {}
    subscriptions = { files = { topic_arn = "arn:aws:sns:eu-west-1:111122223333:files" } }
  }

  expect_failures = [aws_sqs_queue.this]
}

run "two_subscriptions_to_one_topic_are_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    subscriptions = {
      json = { topic_arn = "arn:aws:sns:eu-west-1:111122223333:files", filter_policy = "{\"a\":[\"json\"]}" }
      csv  = { topic_arn = "arn:aws:sns:eu-west-1:111122223333:files", filter_policy = "{\"a\":[\"csv\"]}" }
    }
  }

  expect_failures = [aws_sqs_queue.this]
}

run "subscriptions_to_two_topics_are_accepted" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    subscriptions = {
      ours   = { topic_arn = "arn:aws:sns:eu-west-1:111122223333:files" }
      theirs = { topic_arn = "arn:aws:sns:eu-west-1:444455556666:files" }
    }
  }

  assert {
    condition     = keys(output.subscription_arns) == ["ours", "theirs"]
    error_message = "The subscriptions are ${jsonencode(output.subscription_arns)}"
  }
}

run "a_filter_policy_that_is_no_json_object_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    subscriptions = { files = { topic_arn = "arn:aws:sns:eu-west-1:111122223333:files", filter_policy = "incoming/" } }
  }

  expect_failures = [var.subscriptions]
}

run "a_filter_policy_with_more_keys_than_sns_takes_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    subscriptions = { files = {
      topic_arn     = "arn:aws:sns:eu-west-1:111122223333:files"
      filter_policy = "{\"a\":[1],\"b\":[1],\"c\":[1],\"d\":[1],\"e\":[1],\"f\":[1]}"
    } }
  }

  expect_failures = [var.subscriptions]
}

run "an_unknown_filter_policy_scope_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    subscriptions = { files = { topic_arn = "arn:aws:sns:eu-west-1:111122223333:files", filter_policy_scope = "Body" } }
  }

  expect_failures = [var.subscriptions]
}

run "a_sender_without_a_source_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    senders = { anyone = { service = "s3.amazonaws.com", source_arns = [] } }
  }

  expect_failures = [var.senders]
}

run "a_name_with_the_fifo_suffix_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    name = "orders.fifo"
  }

  expect_failures = [var.name]
}

run "the_key_sqs_manages_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    kms_key_arn = "alias/aws/sqs"
  }

  expect_failures = [var.kms_key_arn]
}

run "numbers_beyond_what_sqs_takes_are_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    dead_letter_queue          = { message_retention_seconds = 1209601 }
    max_receive_count          = 0
    max_retry_delay_seconds    = 42301
    message_retention_seconds  = 59
    receive_wait_time_seconds  = 21
    visibility_timeout_seconds = 43201
  }

  expect_failures = [
    var.dead_letter_queue,
    var.max_receive_count,
    var.max_retry_delay_seconds,
    var.message_retention_seconds,
    var.receive_wait_time_seconds,
    var.visibility_timeout_seconds,
  ]
}

run "eventbridge_may_set_aside_in_the_dead_letter_queue_what_it_can_not_deliver" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    senders = {
      bucket = { service = "s3.amazonaws.com", source_arns = ["arn:aws:s3:::example-orders"] }
      rule   = { service = "events.amazonaws.com", source_arns = ["arn:aws:events:eu-west-1:111122223333:rule/orders"] }
    }
  }

  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue.dead_letter.policy).Statement : statement.Sid] == ["DenyWithoutTLS", "AllowRule"]
    error_message = "The policy is ${aws_sqs_queue.dead_letter.policy}"
  }

  assert {
    condition = alltrue([for policy in [aws_sqs_queue.dead_letter.policy, aws_sqs_queue.this.policy] :
      [for statement in jsondecode(policy).Statement : statement.Condition if statement.Sid == "AllowRule"] ==
      [{ ArnLike = { "aws:SourceArn" = ["arn:aws:events:eu-west-1:111122223333:rule/orders"] } }]
    ])
    error_message = "The rule is let in by ${aws_sqs_queue.this.policy}"
  }
}

run "the_statements_for_a_key_are_for_the_topics_and_senders_of_the_queue" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    name = "orders"
    senders = {
      bucket  = { service = "s3.amazonaws.com", source_arns = ["arn:aws:s3:::example-orders"] }
      partner = { service = "s3.amazonaws.com", source_arns = ["arn:aws:s3:::their-orders"], source_account = "444455556666" }
      rule    = { service = "events.amazonaws.com", source_arns = ["arn:aws:events:eu-west-1:111122223333:rule/orders"] }
    }
    subscriptions = { files = { topic_arn = "arn:aws:sns:eu-west-1:111122223333:files" } }
  }

  assert {
    condition = jsonencode({ for statement in output.kms_key_statements : statement.Sid => [statement.Principal.Service, statement.Condition] }) == jsonencode({
      AllowBucketToOrders  = ["s3.amazonaws.com", { StringEquals = { "aws:SourceAccount" = "111122223333" } }]
      AllowPartnerToOrders = ["s3.amazonaws.com", { StringEquals = { "aws:SourceAccount" = "444455556666" } }]
      AllowRuleToOrders    = ["events.amazonaws.com", { ArnLike = { "aws:SourceArn" = ["arn:aws:events:eu-west-1:111122223333:rule/orders"] } }]
      AllowTopicsToOrders  = ["sns.amazonaws.com", { ArnEquals = { "aws:SourceArn" = ["arn:aws:sns:eu-west-1:111122223333:files"] } }]
    })
    error_message = "The statements are ${jsonencode(output.kms_key_statements)}"
  }
}

run "a_topic_of_another_region_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    subscriptions = { files = { topic_arn = "arn:aws:sns:us-east-1:111122223333:files" } }
  }

  expect_failures = [aws_sqs_queue.this]
}

run "a_topic_of_another_account_is_accepted" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    subscriptions = { files = { topic_arn = "arn:aws:sns:eu-west-1:444455556666:files" } }
  }
}

run "a_subscription_to_what_is_no_topic_is_refused" {
  command = plan

  module {
    source = "./modules/queue-with-dlq"
  }

  variables {
    subscriptions = { files = { topic_arn = "arn:aws:sqs:eu-west-1:111122223333:orders" } }
  }

  expect_failures = [var.subscriptions]
}
