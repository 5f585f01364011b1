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
  command = plan

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
  command = plan

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
  command = plan

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
  command = plan

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
  command = plan

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

# A time-out is counted when its invocation began, and told when it is over:
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
run "errors_are_looked_for_as_far_back_as_an_invocation_may_have_begun" {
  command = plan

  module {
    source = "./modules/consumer-alarms"
  }

  variables {
    timeout = 181
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => [alarm.evaluation_periods, alarm.datapoints_to_alarm] } == {
      dead_letter_queue_not_empty = [1, 1]
      function_errors             = [3, 1]
      function_throttles          = [1, 1]
      oldest_message_age          = [1, 1]
    }
    error_message = "The alarms are ${jsonencode(aws_cloudwatch_metric_alarm.this)}"
  }
}

run "a_time_out_that_fits_a_period_with_its_delay_takes_one_period_more" {
  command = plan

  module {
    source = "./modules/consumer-alarms"
  }

  variables {
    timeout = 180
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["function_errors"].evaluation_periods == 2
    error_message = "The alarm is ${jsonencode(aws_cloudwatch_metric_alarm.this["function_errors"])}"
  }
}

# CloudWatch evaluates at most a day: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
run "a_timeout_that_is_not_told_is_taken_to_be_the_longest" {
  command = plan

  module {
    source = "./modules/consumer-alarms"
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["function_errors"].evaluation_periods == 5
      && aws_cloudwatch_metric_alarm.this["function_errors"].evaluation_periods * aws_cloudwatch_metric_alarm.this["function_errors"].period <= 86400
    )
    error_message = "The alarm is ${jsonencode(aws_cloudwatch_metric_alarm.this["function_errors"])}"
  }
}

run "a_timeout_that_no_function_has_is_refused" {
  module {
    source = "./modules/consumer-alarms"
  }
  command = plan

  variables {
    timeout = 901
  }

  expect_failures = [var.timeout]
}
