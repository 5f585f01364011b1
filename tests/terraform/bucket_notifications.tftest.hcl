mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  bucket = "example-files"
}

run "each_prefix_with_each_suffix_is_a_rule_of_its_own" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    topics = { files = {
      arn      = "arn:aws:sns:eu-west-1:111122223333:files"
      prefixes = ["incoming/", "returned/"]
      suffixes = [".json", ".csv"]
    } }
  }

  assert {
    condition = toset([for topic in aws_s3_bucket_notification.this.topic : "${topic.filter_prefix} ${topic.filter_suffix}"]) == toset([
      "incoming/ .json", "incoming/ .csv", "returned/ .json", "returned/ .csv",
    ])
    error_message = "The rules are ${jsonencode(aws_s3_bucket_notification.this.topic)}"
  }

  assert {
    condition     = alltrue([for topic in aws_s3_bucket_notification.this.topic : topic.events == toset(["s3:ObjectCreated:*"])])
    error_message = "Without events, all creations are meant."
  }
}

run "a_prefix_named_twice_is_one_rule" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    queues = { files = { arn = "arn:aws:sqs:eu-west-1:111122223333:files", prefixes = ["incoming/", "incoming/"] } }
  }

  assert {
    condition     = length(aws_s3_bucket_notification.this.queue) == 1
    error_message = "S3 would refuse the second rule."
  }
}

run "filters_are_spelt_as_s3_spells_keys_in_events" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    topics = { files = { arn = "arn:aws:sns:eu-west-1:111122223333:files", prefixes = ["my files/a+b=é/"] } }
  }

  assert {
    condition     = one(aws_s3_bucket_notification.this.topic).filter_prefix == "my+files/a%2Bb%3D%C3%A9/"
    error_message = "The prefix is ${one(aws_s3_bucket_notification.this.topic).filter_prefix}"
  }
}

run "where_encoders_differ_both_spellings_are_told" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    queues = { files = { arn = "arn:aws:sqs:eu-west-1:111122223333:files", prefixes = ["a*/"], suffixes = ["~"] } }
  }

  assert {
    condition = toset([for queue in aws_s3_bucket_notification.this.queue : "${queue.filter_prefix} ${queue.filter_suffix}"]) == toset([
      "a%2A/ ~", "a%2A/ %7E", "a*/ ~", "a*/ %7E",
    ])
    error_message = "The notifications are ${jsonencode(aws_s3_bucket_notification.this.queue)}"
  }
}

run "eventbridge_is_told_when_asked_for" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    eventbridge = true
  }

  assert {
    condition     = aws_s3_bucket_notification.this.eventbridge
    error_message = "EventBridge isn't told."
  }
}

run "nested_prefixes_for_one_event_are_refused" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    queues = { all = { arn = "arn:aws:sqs:eu-west-1:111122223333:all", prefixes = ["incoming/"] } }
    topics = { some = { arn = "arn:aws:sns:eu-west-1:111122223333:some", prefixes = ["incoming/orders/"] } }
  }

  expect_failures = [aws_s3_bucket_notification.this]
}

run "nested_suffixes_of_one_target_are_refused" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    topics = { files = { arn = "arn:aws:sns:eu-west-1:111122223333:files", suffixes = [".gz", ".json.gz"] } }
  }

  expect_failures = [aws_s3_bucket_notification.this]
}

run "a_wildcard_overlaps_the_events_it_stands_for" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    queues = { all = { arn = "arn:aws:sqs:eu-west-1:111122223333:all", events = ["s3:ObjectCreated:*"] } }
    topics = { copies = { arn = "arn:aws:sns:eu-west-1:111122223333:copies", events = ["s3:ObjectCreated:Copy"] } }
  }

  expect_failures = [aws_s3_bucket_notification.this]
}

run "an_unfiltered_target_overlaps_every_other" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    functions = { all = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:all" } }
    topics    = { some = { arn = "arn:aws:sns:eu-west-1:111122223333:some", prefixes = ["incoming/"], suffixes = [".json"] } }
  }

  expect_failures = [aws_s3_bucket_notification.this]
}

run "targets_that_no_object_can_share_are_accepted" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    queues = {
      json = { arn = "arn:aws:sqs:eu-west-1:111122223333:json", prefixes = ["incoming/"], suffixes = [".json"] }
      csv  = { arn = "arn:aws:sqs:eu-west-1:111122223333:csv", prefixes = ["incoming/"], suffixes = [".csv"] }
      rest = { arn = "arn:aws:sqs:eu-west-1:111122223333:rest", prefixes = ["returned/"] }
    }
    topics = {
      deleted = { arn = "arn:aws:sns:eu-west-1:111122223333:deleted", events = ["s3:ObjectRemoved:Delete"] }
      marked  = { arn = "arn:aws:sns:eu-west-1:111122223333:marked", events = ["s3:ObjectRemoved:DeleteMarkerCreated"] }
    }
  }

  assert {
    condition     = length(aws_s3_bucket_notification.this.queue) == 3 && length(aws_s3_bucket_notification.this.topic) == 2
    error_message = "A target is missing."
  }
}

run "more_rules_than_s3_takes_are_refused" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    topics = { files = {
      arn      = "arn:aws:sns:eu-west-1:111122223333:files"
      prefixes = [for n in range(51) : format("%03d/", n)]
      suffixes = [".json", ".csv"]
    } }
  }

  expect_failures = [aws_s3_bucket_notification.this]
}

run "a_fifo_queue_is_refused" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    queues = { files = { arn = "arn:aws:sqs:eu-west-1:111122223333:files.fifo" } }
  }

  expect_failures = [var.queues]
}

run "a_fifo_topic_is_refused" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    topics = { files = { arn = "arn:aws:sns:eu-west-1:111122223333:files.fifo" } }
  }

  expect_failures = [var.topics]
}

run "a_target_that_is_none_of_its_kind_is_refused" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    queues = { load = { arn = "arn:aws:sns:eu-west-1:111122223333:orders" } }
    topics = {}
  }

  expect_failures = [aws_s3_bucket_notification.this]
}

run "notifications_that_would_replace_those_of_somebody_else_are_refused" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    owner  = "orders"
    topics = { files = { arn = "arn:aws:sns:eu-west-1:111122223333:orders" } }
  }

  override_data {
    target = data.aws_ssm_parameters_by_path.owners
    values = { names = ["/s3-notifications/example-files/orders", "/s3-notifications/example-files/returns"] }
  }

  expect_failures = [aws_s3_bucket_notification.this]
}

run "notifications_are_recorded_under_their_owner_who_may_change_them" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    owner  = "orders"
    topics = { files = { arn = "arn:aws:sns:eu-west-1:111122223333:orders" } }
  }

  override_data {
    target = data.aws_ssm_parameters_by_path.owners
    values = { names = ["/s3-notifications/example-files/orders"] }
  }

  assert {
    condition     = aws_ssm_parameter.owner[0].name == "/s3-notifications/example-files/orders"
    error_message = "The record is ${jsonencode(aws_ssm_parameter.owner)}"
  }
}

run "without_an_owner_nothing_is_recorded_or_asked" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    topics = { files = { arn = "arn:aws:sns:eu-west-1:111122223333:orders" } }
  }

  assert {
    condition     = length(aws_ssm_parameter.owner) == 0 && length(data.aws_ssm_parameters_by_path.owners) == 0
    error_message = "A record is ${jsonencode(aws_ssm_parameter.owner)}"
  }
}

run "an_owner_that_no_parameter_can_have_is_refused" {
  command = plan

  module {
    source = "./modules/bucket-notifications"
  }

  variables {
    owner = "team/orders"
  }

  expect_failures = [var.owner]
}
