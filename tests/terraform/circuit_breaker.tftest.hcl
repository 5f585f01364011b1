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
      function             = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:orders-load", name = "orders-load", timeout = 120 }
      metrics_namespace    = "ObjectPipeline"
      queue                = { arn = "arn:aws:sqs:eu-west-1:111122223333:orders-load", url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-load" }
    }
  }
}

run "the_alarm_is_on_the_share_of_what_failed_because_of_the_downstream" {
  command = plan

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
      "IF(SUM([retried, crashed, done]) >= 10, 100 * SUM([retried, crashed]) / SUM([retried, crashed, done]), 0)"
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

# A failed invocation is counted when it began, and told when it is over; the function's timeout is 120 s.
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
run "one_bad_minute_opens_the_circuit_however_late_its_metrics_come" {
  command = plan

  module {
    source = "./modules/circuit-breaker"
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.error_rate["load"].datapoints_to_alarm == 1
      && aws_cloudwatch_metric_alarm.error_rate["load"].evaluation_periods == 5
    )
    error_message = "The alarm is ${jsonencode(aws_cloudwatch_metric_alarm.error_rate["load"])}"
  }
}

run "the_breaker_may_do_with_each_consumer_what_a_trial_takes_and_no_more" {
  command = plan

  module {
    source = "./modules/circuit-breaker"
  }

  assert {
    condition = jsondecode(aws_iam_policy.consumers["1"].policy).Statement == [
      {
        Sid       = "Remember"
        Effect    = "Allow"
        Action    = ["dynamodb:GetItem", "dynamodb:PutItem"]
        Resource  = ["arn:aws:dynamodb:eu-west-1:111122223333:table/orders-ledger"]
        Condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["orders/load"] } }
      },
      {
        Sid      = "SwitchMappings"
        Effect   = "Allow"
        Action   = ["lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping"]
        Resource = ["arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:11111111-2222-3333-4444-555555555555"]
      },
      {
        Sid      = "TryFunctions"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = ["arn:aws:lambda:eu-west-1:111122223333:function:orders-load"]
      },
      {
        Sid      = "TryMessages"
        Effect   = "Allow"
        Action   = ["sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"]
        Resource = ["arn:aws:sqs:eu-west-1:111122223333:orders-load"]
      },
    ]
    error_message = "The policy is ${aws_iam_policy.consumers["1"].policy}"
  }

  assert {
    condition = (
      aws_iam_role_policy_attachment.consumers["1"].role == output.role.name
      && aws_iam_policy.consumers["1"].name == "orders-circuit-breaker-eu-west-1-1"
      && aws_iam_policy.consumers["1"].description == "What the circuit breaker of orders may do with its consumers, part 1 of 1."
    )
    error_message = "The role doesn't have the policy: ${jsonencode([aws_iam_policy.consumers, aws_iam_role_policy_attachment.consumers])}"
  }
}

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
run "a_hundred_consumers_of_the_longest_names_fit_policies_and_rules" {
  command = plan

  module {
    source = "./modules/circuit-breaker"
  }

  variables {
    name   = "orders-0123456789-0123456789-01"
    ledger = { arn = "arn:aws-us-gov:dynamodb:us-gov-west-1:111122223333:table/orders-0123456789-0123456789-01-ledger", name = "orders-0123456789-0123456789-01-ledger" }
    consumers = { for n in range(100) : format("load-0123456789-0123456789-%04d", n) => {
      event_source_mapping = {
        arn  = "arn:aws-us-gov:lambda:us-gov-west-1:111122223333:event-source-mapping:11111111-2222-3333-4444-555555555555"
        uuid = "11111111-2222-3333-4444-555555555555"
      }
      function = {
        arn     = format("arn:aws-us-gov:lambda:us-gov-west-1:111122223333:function:orders-0123456789-0123456789-01-load-0123456789-0123456789-%04d", n)
        name    = format("orders-0123456789-0123456789-01-load-0123456789-0123456789-%04d", n)
        timeout = 30
      }
      metrics_namespace = "ObjectPipeline"
      queue = {
        arn = format("arn:aws-us-gov:sqs:us-gov-west-1:111122223333:orders-0123456789-0123456789-01-load-0123456789-0123456789-%04d", n)
        url = format("https://sqs.us-gov-west-1.amazonaws.com/111122223333/orders-0123456789-0123456789-01-load-0123456789-0123456789-%04d", n)
      }
    } }
  }

  assert {
    condition     = length(aws_iam_policy.consumers) == 10 && alltrue([for policy in aws_iam_policy.consumers : length(policy.policy) <= 6144])
    error_message = "The policies have ${jsonencode([for policy in aws_iam_policy.consumers : length(policy.policy)])} characters"
  }

  assert {
    condition = length(distinct([for rule in concat(values(aws_cloudwatch_event_rule.alarm), values(aws_cloudwatch_event_rule.clock)) : rule.name])) == 200 && alltrue([
      for rule in concat(values(aws_cloudwatch_event_rule.alarm), values(aws_cloudwatch_event_rule.clock)) : length(rule.name) <= 64 && startswith(rule.name, "${var.name}-")
    ])
    error_message = "The rules are ${jsonencode([for rule in aws_cloudwatch_event_rule.clock : rule.name])}"
  }
}

run "more_consumers_than_the_role_has_policies_for_are_refused" {
  module {
    source = "./modules/circuit-breaker"
  }
  command = plan

  variables {
    consumers = { for n in range(101) : "load-${n}" => {
      event_source_mapping = { arn = "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:${n}", uuid = "${n}" }
      function             = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:orders-${n}", name = "orders-${n}", timeout = 30 }
      metrics_namespace    = "ObjectPipeline"
      queue                = { arn = "arn:aws:sqs:eu-west-1:111122223333:orders-${n}", url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-${n}" }
    } }
  }

  expect_failures = [var.consumers]
}

run "rules_are_called_after_a_consumer_whose_name_just_fits" {
  command = plan

  module {
    source = "./modules/circuit-breaker"
  }

  variables {
    consumers = { for name in ["load-0123456789-0123456789-0123456789-0123456789-ab", "load-0123456789-0123456789-0123456789-0123456789-abc"] : name => {
      event_source_mapping = { arn = "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:1", uuid = "1" }
      function             = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:${name}", name = name, timeout = 30 }
      metrics_namespace    = "ObjectPipeline"
      queue                = { arn = "arn:aws:sqs:eu-west-1:111122223333:${name}", url = "https://sqs.eu-west-1.amazonaws.com/111122223333/${name}" }
    } }
  }

  assert {
    condition = { for name, rule in aws_cloudwatch_event_rule.alarm : name => rule.name } == {
      load-0123456789-0123456789-0123456789-0123456789-ab  = "orders-load-0123456789-0123456789-0123456789-0123456789-ab.alarm"
      load-0123456789-0123456789-0123456789-0123456789-abc = "orders-load-0123456789-0123456789-0123456789-0123-${substr(sha256("orders-load-0123456789-0123456789-0123456789-0123456789-abc"), 0, 8)}.alarm"
    }
    error_message = "The rules are ${jsonencode({ for name, rule in aws_cloudwatch_event_rule.alarm : name => rule.name })}"
  }
}

run "alerts_may_have_a_key_of_their_own" {
  command = plan

  module {
    source = "./modules/circuit-breaker"
  }

  variables {
    alerts_topic = { arn = "arn:aws:sns:eu-west-1:111122223333:operations", kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/operations" }
    kms_key_arn  = "arn:aws:kms:eu-west-1:111122223333:key/orders"
  }

  assert {
    condition     = local.keys == tolist(["arn:aws:kms:eu-west-1:111122223333:key/orders", "arn:aws:kms:eu-west-1:111122223333:key/operations"])
    error_message = "The breaker may use ${jsonencode(local.keys)}"
  }
}

run "alarm_and_clock_invoke_the_breaker_with_what_it_needs_to_know" {
  command = plan

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
  command = plan

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
      function             = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:orders-load", name = "orders-load", timeout = 841 }
      metrics_namespace    = "ObjectPipeline"
      queue                = { arn = "arn:aws:sqs:eu-west-1:111122223333:orders-load", url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-load" }
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
      function             = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:orders-load", name = "orders-load", timeout = 30 }
      metrics_namespace    = "ObjectPipeline"
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

run "role_tracing_and_signature_are_those_of_the_pipeline" {
  command = plan

  module {
    source = "./modules/circuit-breaker"
  }

  variables {
    code_signing_config_arn = "arn:aws:lambda:eu-west-1:111122223333:code-signing-config:csc-0123456789abcdefg"
    role                    = { path = "/pipelines/", permissions_boundary = "arn:aws:iam::111122223333:policy/boundary" }
    tracing                 = "Active"
  }

  assert {
    condition = (
      contains(jsondecode(module.function.policy).Statement[*].Sid, "WriteTraces")
      && aws_iam_policy.consumers["1"].path == "/pipelines/"
      && output.role.name == "orders-circuit-breaker-eu-west-1-${substr(sha256("/pipelines/"), 0, 4)}"
    )
    error_message = "The policies are ${jsonencode([module.function.policy, aws_iam_policy.consumers])}"
  }
}
