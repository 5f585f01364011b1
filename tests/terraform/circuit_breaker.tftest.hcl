mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  name         = "orders"
  package      = "s3://example-packages/circuit_breaker.zip"
  alerts_topic = { arn = "arn:aws:sns:eu-west-1:111122223333:orders-alerts" }
  ledger       = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-ledger", name = "orders-ledger" }

  consumers = {
    load = {
      event_source_mapping = { arn = "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:11111111-2222-3333-4444-555555555555", uuid = "11111111-2222-3333-4444-555555555555" }
      function             = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:orders-load", name = "orders-load" }
      queue                = { arn = "arn:aws:sqs:eu-west-1:111122223333:orders-load", url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-load" }
      timeout              = 120
    }
  }
}

run "the_alarm_is_on_the_share_of_what_failed_because_of_the_downstream" {
  module {
    source = "./modules/circuit-breaker"
  }

  assert {
    condition = (
      output.alarms == { load = "orders-load-error-rate" }
      && aws_cloudwatch_metric_alarm.error_rate["load"].threshold == 50
      && aws_cloudwatch_metric_alarm.error_rate["load"].treat_missing_data == "notBreaching"
    )
    error_message = "The alarms are ${jsonencode(aws_cloudwatch_metric_alarm.error_rate)}"
  }

  assert {
    condition = one([for query in aws_cloudwatch_metric_alarm.error_rate["load"].metric_query : query.expression if query.return_data]) == (
      "IF(FILL(retried, 0) + FILL(crashed, 0) + FILL(done, 0) >= 10, 100 * (FILL(retried, 0) + FILL(crashed, 0)) / (FILL(retried, 0) + FILL(crashed, 0) + FILL(done, 0)), 0)"
    )
    error_message = "The rate is ${jsonencode(aws_cloudwatch_metric_alarm.error_rate["load"].metric_query)}"
  }

  assert {
    condition = { for query in aws_cloudwatch_metric_alarm.error_rate["load"].metric_query : query.id => "${query.metric[0].namespace}/${query.metric[0].metric_name}" if query.id != "rate" } == {
      crashed = "AWS/Lambda/Errors"
      done    = "ObjectPipeline/ObjectsDone"
      retried = "ObjectPipeline/ObjectsRetried"
    }
    error_message = "Other metrics are counted: ${jsonencode(aws_cloudwatch_metric_alarm.error_rate["load"].metric_query)}"
  }
}

run "alarm_and_clock_invoke_the_breaker_with_what_it_needs_to_know" {
  module {
    source = "./modules/circuit-breaker"
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.alarm["load"].event_pattern).resources == ["arn:aws:cloudwatch:eu-west-1:111122223333:alarm:orders-load-error-rate"]
    error_message = "The rule hears of ${aws_cloudwatch_event_rule.alarm["load"].event_pattern}"
  }

  assert {
    condition = alltrue([for input in [aws_cloudwatch_event_target.alarm["load"].input, aws_cloudwatch_event_target.clock["load"].input] : jsondecode(input) == {
      alarm           = "orders-load-error-rate"
      consumer        = "orders/load"
      function        = "orders-load"
      mapping         = "11111111-2222-3333-4444-555555555555"
      queue_arn       = "arn:aws:sqs:eu-west-1:111122223333:orders-load"
      queue_url       = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-load"
      timeout_seconds = 120
    }])
    error_message = "The breaker is told ${aws_cloudwatch_event_target.clock["load"].input}"
  }

  assert {
    condition     = aws_cloudwatch_event_rule.clock["load"].schedule_expression == "rate(1 minute)"
    error_message = "The breaker looks ${aws_cloudwatch_event_rule.clock["load"].schedule_expression}"
  }
}

run "patience_is_settable" {
  module {
    source = "./modules/circuit-breaker"
  }

  variables {
    cool_down_seconds  = 60
    error_rate_percent = 100
    minimum_objects    = 1
    trial_messages     = 1
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.error_rate["load"].threshold == 100 && strcontains(one([for query in aws_cloudwatch_metric_alarm.error_rate["load"].metric_query : query.expression if query.return_data]), ">= 1,")
    error_message = "The alarm is ${jsonencode(aws_cloudwatch_metric_alarm.error_rate["load"])}"
  }
}

run "impatience_is_refused" {
  module {
    source = "./modules/circuit-breaker"
  }
  command = plan

  variables {
    cool_down_seconds  = 59
    error_rate_percent = 0
    minimum_objects    = 0
    trial_messages     = 11
  }

  expect_failures = [var.cool_down_seconds, var.error_rate_percent, var.minimum_objects, var.trial_messages]
}

run "a_function_that_the_breaker_could_not_wait_for_is_refused" {
  module {
    source = "./modules/circuit-breaker"
  }
  command = plan

  variables {
    consumers = { load = {
      event_source_mapping = { arn = "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:1", uuid = "1" }
      function             = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:orders-load", name = "orders-load" }
      queue                = { arn = "arn:aws:sqs:eu-west-1:111122223333:orders-load", url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-load" }
      timeout              = 841
    } }
  }

  expect_failures = [var.consumers]
}

run "a_fifo_queue_is_refused" {
  module {
    source = "./modules/circuit-breaker"
  }
  command = plan

  variables {
    consumers = { load = {
      event_source_mapping = { arn = "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:1", uuid = "1" }
      function             = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:orders-load", name = "orders-load" }
      queue                = { arn = "arn:aws:sqs:eu-west-1:111122223333:orders-load.fifo", url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-load.fifo", fifo = true }
    } }
  }

  expect_failures = [var.consumers]
}

run "nobody_to_watch_is_refused" {
  module {
    source = "./modules/circuit-breaker"
  }
  command = plan

  variables {
    consumers = {}
  }

  expect_failures = [var.consumers]
}
