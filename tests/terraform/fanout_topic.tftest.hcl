mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  name       = "files"
  publishers = { bucket = { service = "s3.amazonaws.com", source_arns = ["arn:aws:s3:::example-files"] } }
}

run "only_the_named_publishers_may_publish_and_only_over_tls" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  assert {
    condition = jsondecode(aws_sns_topic.this.policy).Statement == [
      {
        Sid       = "DenyWithoutTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = "arn:aws:sns:eu-west-1:111122223333:files"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "AllowBucket"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = "arn:aws:sns:eu-west-1:111122223333:files"
        Condition = {
          ArnLike      = { "aws:SourceArn" = ["arn:aws:s3:::example-files"] }
          StringEquals = { "aws:SourceAccount" = "111122223333" }
        }
      },
    ]
    error_message = "The policy is ${aws_sns_topic.this.policy}"
  }

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 0
    error_message = "Nobody asked for e-mail."
  }
}

run "a_publisher_of_another_account_is_bound_to_that_account" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    publishers = { theirs = { service = "s3.amazonaws.com", source_arns = ["arn:aws:s3:::their-files"], source_account = "444455556666" } }
  }

  assert {
    condition     = jsondecode(aws_sns_topic.this.policy).Statement[1].Condition.StringEquals["aws:SourceAccount"] == "444455556666"
    error_message = "The policy is ${aws_sns_topic.this.policy}"
  }
}

run "other_accounts_may_subscribe_when_they_are_named" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    subscriber_accounts = ["444455556666"]
  }

  assert {
    condition = jsondecode(aws_sns_topic.this.policy).Statement[2] == {
      Sid       = "AllowSubscribers"
      Effect    = "Allow"
      Principal = { AWS = ["arn:aws:iam::444455556666:root"] }
      Action    = ["sns:Subscribe"]
      Resource  = "arn:aws:sns:eu-west-1:111122223333:files"
    }
    error_message = "The policy is ${aws_sns_topic.this.policy}"
  }
}

run "addresses_are_subscribed_and_the_key_is_used" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    emails      = ["oncall@example.com"]
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition     = aws_sns_topic_subscription.email["oncall@example.com"].protocol == "email"
    error_message = "The address isn't subscribed."
  }

  assert {
    condition     = aws_sns_topic.this.kms_master_key_id == var.kms_key_arn
    error_message = "The key isn't used."
  }
}

run "a_publisher_without_a_source_is_refused" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    publishers = { anyone = { service = "s3.amazonaws.com", source_arns = [] } }
  }

  expect_failures = [var.publishers]
}

run "a_publisher_that_is_no_service_is_refused" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    publishers = { anyone = { service = "*", source_arns = ["arn:aws:s3:::example-files"] } }
  }

  expect_failures = [var.publishers]
}

run "the_key_sns_manages_is_refused" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    kms_key_arn = "alias/aws/sns"
  }

  expect_failures = [var.kms_key_arn]
}

run "a_fifo_topic_is_refused" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    name = "files.fifo"
  }

  expect_failures = [var.name]
}

run "an_account_that_is_no_account_id_is_refused" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    subscriber_accounts = ["production"]
  }

  expect_failures = [var.subscriber_accounts]
}

run "an_address_that_is_none_is_refused" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    emails = ["oncall"]
  }

  expect_failures = [var.emails]
}

run "the_account_is_a_condition_where_the_arns_name_none" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    publishers = {
      alarms  = { service = "cloudwatch.amazonaws.com", source_arns = ["arn:aws:cloudwatch:eu-west-1:111122223333:alarm:orders-*"] }
      anyones = { service = "cloudwatch.amazonaws.com", source_arns = ["arn:*:cloudwatch:*:*:alarm:orders-*"] }
      bucket  = { service = "s3.amazonaws.com", source_arns = ["arn:aws:s3:::example-files"] }
    }
  }

  assert {
    condition = { for statement in jsondecode(aws_sns_topic.this.policy).Statement : statement.Sid => keys(statement.Condition) } == {
      AllowAlarms    = ["ArnLike"]
      AllowAnyones   = ["ArnLike", "StringEquals"]
      AllowBucket    = ["ArnLike", "StringEquals"]
      DenyWithoutTLS = ["Bool"]
    }
    error_message = "The policy is ${aws_sns_topic.this.policy}"
  }
}

run "the_statements_for_a_key_name_the_source" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    name       = "orders"
    publishers = { bucket = { service = "s3.amazonaws.com", source_arns = ["arn:aws:s3:::example-orders"] } }
  }

  assert {
    condition = jsonencode(output.kms_key_statements) == jsonencode([{
      Sid       = "AllowBucketToOrders"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource  = "*"
      Condition = {
        ArnLike      = { "aws:SourceArn" = ["arn:aws:s3:::example-orders"] }
        StringEquals = { "aws:SourceAccount" = "111122223333" }
      }
    }])
    error_message = "The statements are ${jsonencode(output.kms_key_statements)}"
  }

  assert {
    condition = output.kms_key_statements_for_subscribers == [{
      Sid       = "AllowTopicOrdersToSubscribers"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:sns:eu-west-1:111122223333:orders" } }
    }]
    error_message = "The statements are ${jsonencode(output.kms_key_statements_for_subscribers)}"
  }
}

run "a_condition_that_eventbridge_could_not_meet_is_refused" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    publishers = { rule = { service = "events.amazonaws.com", source_arns = ["arn:aws:events:eu-west-1:111122223333:rule/orders"] } }
  }

  expect_failures = [var.publishers]
}

run "an_account_that_eventbridge_could_not_name_is_refused" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    publishers = { rule = { service = "events.amazonaws.com", source_arns = [], source_account = "111122223333" } }
  }

  expect_failures = [var.publishers]
}

run "eventbridge_publishes_without_a_condition_where_any_rule_may" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    publishers = { rules = { service = "events.amazonaws.com", source_arns = [] } }
  }

  assert {
    condition = [for statement in concat(jsondecode(aws_sns_topic.this.policy).Statement, output.kms_key_statements) :
      statement.Sid if !can(statement.Condition)
    ] == ["AllowRules", "AllowRulesToFiles"]
    error_message = "The policy is ${aws_sns_topic.this.policy}"
  }
}

run "a_topic_can_send_traces" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    tracing = "Active"
  }

  assert {
    condition     = aws_sns_topic.this.tracing_config == "Active"
    error_message = "The topic is ${jsonencode(aws_sns_topic.this)}"
  }
}

run "a_tracing_that_sns_does_not_have_is_refused" {
  command = plan

  module {
    source = "./modules/fanout-topic"
  }

  variables {
    tracing = "On"
  }

  expect_failures = [var.tracing]
}
