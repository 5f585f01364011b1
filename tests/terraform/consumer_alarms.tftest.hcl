mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  name                   = "orders-transform"
  queue_name             = "orders-transform"
  dead_letter_queue_name = "orders-transform-dlq"
  function_name          = "orders-transform"
  actions                = ["arn:aws:sns:eu-west-1:111122223333:alerts"]
}

run "all_four_alarms_are_on_and_tell_the_actions_when_they_go_off_and_when_they_are_over" {
  module {
    source = "./modules/consumer-alarms"
  }

  assert {
    condition = output.names == {
      dead_letter_queue_not_empty = "orders-transform-dead-letter-queue-not-empty"
      function_errors             = "orders-transform-function-errors"
      function_throttles          = "orders-transform-function-throttles"
      oldest_message_age          = "orders-transform-oldest-message-age"
    }
    error_message = "The alarms are ${jsonencode(output.names)}"
  }

  assert {
    condition = alltrue([for alarm in aws_cloudwatch_metric_alarm.this :
      alarm.alarm_actions == toset(var.actions) && alarm.ok_actions == toset(var.actions) && alarm.treat_missing_data == "notBreaching"
    ])
    error_message = "An alarm tells nobody, or goes off while nothing happens."
  }
}

run "the_first_message_set_aside_goes_off" {
  module {
    source = "./modules/consumer-alarms"
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["dead_letter_queue_not_empty"].metric_name == "ApproximateNumberOfMessagesVisible"
      && aws_cloudwatch_metric_alarm.this["dead_letter_queue_not_empty"].dimensions == tomap({ QueueName = "orders-transform-dlq" })
      && aws_cloudwatch_metric_alarm.this["dead_letter_queue_not_empty"].threshold == 1
      && aws_cloudwatch_metric_alarm.this["dead_letter_queue_not_empty"].comparison_operator == "GreaterThanOrEqualToThreshold"
    )
    error_message = "The dead-letter queue isn't watched from its first message on."
  }
}

run "age_is_watched_on_the_queue_where_it_means_waiting" {
  module {
    source = "./modules/consumer-alarms"
  }

  variables {
    alarms = { oldest_message_age_seconds = 600 }
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["oldest_message_age"].dimensions == tomap({ QueueName = "orders-transform" })
      && aws_cloudwatch_metric_alarm.this["oldest_message_age"].threshold == 600
    )
    error_message = "The queue isn't watched, or not from 600 s on."
  }
}

run "an_alarm_can_be_left_out" {
  module {
    source = "./modules/consumer-alarms"
  }

  variables {
    alarms = { disabled = ["function_throttles"] }
  }

  assert {
    condition     = keys(output.names) == ["dead_letter_queue_not_empty", "function_errors", "oldest_message_age"]
    error_message = "The alarms are ${jsonencode(output.names)}"
  }
}

run "leaving_out_an_alarm_that_does_not_exist_is_refused" {
  command = plan

  module {
    source = "./modules/consumer-alarms"
  }

  variables {
    alarms = { disabled = ["throttles"] }
  }

  expect_failures = [var.alarms]
}

run "a_threshold_that_is_always_reached_is_refused" {
  command = plan

  module {
    source = "./modules/consumer-alarms"
  }

  variables {
    alarms = { function_errors = 0 }
  }

  expect_failures = [var.alarms]
}

run "a_function_without_a_queue_has_no_alarm_on_one" {
  module {
    source = "./modules/consumer-alarms"
  }

  variables {
    queue_name = null
  }

  assert {
    condition     = toset(keys(output.names)) == toset(["dead_letter_queue_not_empty", "function_errors", "function_throttles"])
    error_message = "The alarms are ${jsonencode(output.names)}"
  }
}
