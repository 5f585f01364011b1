mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  name        = "orders"
  bucket_name = "example-orders"
  topic_name  = "orders"

  consumers = {
    transform = {
      alarm_names            = ["orders-transform-oldest-message-age", "orders-transform-function-errors"]
      dead_letter_queue_name = "orders-transform-dlq"
      function_name          = "orders-transform"
      memory_size            = 1024
      queue_name             = "orders-transform"
      timeout                = 300
      metrics_namespace      = "ObjectPipeline"
    }
    audit = {
      dead_letter_queue_name = "orders-audit-dlq"
      function_name          = "orders-audit"
      queue_name             = "orders-audit"
      memory_size            = 512
      metrics_namespace      = "ObjectPipeline"
      timeout                = 30
    }
    index = {
      dead_letter_queue_name = "orders-index-dlq"
      function_name          = "orders-index"
      queue_name             = "orders-index"
      memory_size            = 512
      metrics_namespace      = "ObjectPipeline"
      timeout                = 30
    }
  }
}

run "widgets_lie_on_the_grid_and_none_on_another" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  assert {
    condition     = alltrue([for widget in jsondecode(output.body).widgets : widget.x >= 0 && widget.width >= 1 && widget.x + widget.width <= 24])
    error_message = "A widget leaves the 24 columns."
  }

  assert {
    condition = length(distinct(flatten([for widget in jsondecode(output.body).widgets :
      [for x in range(widget.x, widget.x + widget.width) : [for y in range(widget.y, widget.y + widget.height) : "${x} ${y}"]]
    ]))) == sum([for widget in jsondecode(output.body).widgets : widget.width * widget.height])
    error_message = "Widgets overlap."
  }

  assert {
    condition = sum([for widget in jsondecode(output.body).widgets : widget.width * widget.height]) == 24 * max([
      for widget in jsondecode(output.body).widgets : widget.y + widget.height
    ]...)
    error_message = "There are gaps between the widgets."
  }

  assert {
    condition     = output.name == "orders" && aws_cloudwatch_dashboard.this.dashboard_body == output.body
    error_message = "The dashboard isn't the one that the outputs tell of."
  }
}

run "each_consumer_has_a_row_of_four_graphs_in_the_order_of_their_names" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  assert {
    condition = [for widget in jsondecode(output.body).widgets : "${widget.x} ${widget.y} ${widget.properties.title}" if widget.type == "metric" && widget.y > 11] == [
      "0 13 Files of audit: dead-lettered should be 0",
      "6 13 Waiting for audit: a growing age is bad",
      "12 13 Time of audit: p99 at the timeout is bad",
      "18 13 Trouble of audit: everything should be 0",
      "0 21 Files of index: dead-lettered should be 0",
      "6 21 Waiting for index: a growing age is bad",
      "12 21 Time of index: p99 at the timeout is bad",
      "18 21 Trouble of index: everything should be 0",
      "0 29 Files of transform: dead-lettered should be 0",
      "6 29 Waiting for transform: a growing age is bad",
      "12 29 Time of transform: p99 at the timeout is bad",
      "18 29 Trouble of transform: everything should be 0",
    ]
    error_message = "The rows are ${jsonencode([for widget in jsondecode(output.body).widgets : "${widget.x} ${widget.y} ${widget.properties.title}" if widget.type == "metric" && widget.y > 11])}"
  }

  assert {
    condition = [for widget in jsondecode(output.body).widgets : widget.properties.title if widget.type == "metric" && widget.y == 5] == [
      "Files in: a flat zero means that none arrive",
      "Told to the queues: failed should be 0",
      "Functions paid for: invocations and GB-seconds",
      "Queues paid for: empty receives are idle polling",
    ]
    error_message = "The pipeline's row is another."
  }
}

run "files_are_those_that_the_runtime_counts_for_this_pipeline_and_consumer" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  variables {
    consumers = { transform = {
      dead_letter_queue_name = "orders-transform-dlq"
      function_name          = "orders-transform"
      memory_size            = 512
      metrics_namespace      = "Files"
      queue_name             = "orders-transform"
      timeout                = 30
    } }
  }

  assert {
    condition = [for widget in jsondecode(output.body).widgets : [for metric in widget.properties.metrics : slice(metric, 0, 6)]
      if try(widget.properties.title, "") == "Files of transform: dead-lettered should be 0"] == [[
        ["Files", "ObjectsDone", "Pipeline", "orders", "Consumer", "transform"],
        ["Files", "ObjectsSkipped", "Pipeline", "orders", "Consumer", "transform"],
        ["Files", "ObjectsContinued", "Pipeline", "orders", "Consumer", "transform"],
        ["Files", "ObjectsRetried", "Pipeline", "orders", "Consumer", "transform"],
        ["Files", "ObjectsQuarantined", "Pipeline", "orders", "Consumer", "transform"],
    ]]
    error_message = "The counters have other names or dimensions than the runtime's."
  }
}

run "a_consumers_graphs_watch_its_queue_its_function_and_its_dead_letter_queue" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  assert {
    condition = flatten([for widget in jsondecode(output.body).widgets : [for metric in widget.properties.metrics : join(" ", slice(metric, 0, 4))]
      if can(regex("^(Waiting for|Time of|Trouble of) transform", widget.properties.title))]) == [
      "AWS/SQS ApproximateAgeOfOldestMessage QueueName orders-transform",
      "AWS/SQS ApproximateNumberOfMessagesVisible QueueName orders-transform",
      "AWS/SQS ApproximateNumberOfMessagesNotVisible QueueName orders-transform",
      "AWS/Lambda Duration FunctionName orders-transform",
      "AWS/Lambda Duration FunctionName orders-transform",
      "AWS/SQS ApproximateNumberOfMessagesVisible QueueName orders-transform-dlq",
      "AWS/Lambda Errors FunctionName orders-transform",
      "AWS/Lambda Throttles FunctionName orders-transform",
    ]
    error_message = "A graph watches something else."
  }

  assert {
    condition = [for widget in jsondecode(output.body).widgets : widget.properties.annotations.horizontal[0]
    if can(widget.properties.annotations)][*].value == [30000, 30000, 300000]
    error_message = "The lines in the graphs of durations aren't at the functions' timeouts, in milliseconds."
  }

  assert {
    condition     = alltrue([for widget in jsondecode(output.body).widgets : widget.properties.region == "eu-west-1" && contains([300, 86400], widget.properties.period) if widget.type == "metric"])
    error_message = "A graph has another region or period."
  }
}

run "alarms_stand_beside_the_heading_of_a_consumer_that_has_them" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  assert {
    condition = [for widget in jsondecode(output.body).widgets : widget.properties.alarms if widget.type == "alarm"] == [[
      "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:orders-transform-function-errors",
      "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:orders-transform-oldest-message-age",
    ]]
    error_message = "The alarms are others than transform's."
  }

  assert {
    condition     = [for widget in jsondecode(output.body).widgets : widget.width if widget.type == "text"] == [18, 24, 24, 12]
    error_message = "A heading leaves no place for alarms, or leaves some for none."
  }
}

run "what_is_paid_for_is_summed_over_consumers" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  assert {
    condition = flatten([for widget in jsondecode(output.body).widgets : [for metric in widget.properties.metrics : metric[0].expression if can(metric[0].expression)]
      if widget.type == "metric"]) == [
      "duration_0 * 512 / 1024 / 1000",
      "duration_1 * 512 / 1024 / 1000",
      "duration_2 * 1024 / 1024 / 1000",
      "SUM(METRICS(\"invocations_\"))",
      "SUM(METRICS(\"sent_\"))",
      "SUM(METRICS(\"received_\"))",
      "SUM(METRICS(\"deleted_\"))",
      "SUM(METRICS(\"empty_\"))",
    ]
    error_message = "The sums are others."
  }

  assert {
    condition = alltrue([for widget in jsondecode(output.body).widgets : alltrue([
      for prefix in ["duration_", "invocations_", "deleted_", "empty_", "received_", "sent_"] :
      contains([0, 3], length([for metric in widget.properties.metrics : metric if startswith(try(metric[4].id, ""), prefix)]))
    ]) if widget.type == "metric"])
    error_message = "A sum lacks a consumer."
  }
}

run "without_a_topic_files_in_are_the_messages_sent_to_the_queues" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  variables {
    topic_name = null
  }

  assert {
    condition = [for widget in jsondecode(output.body).widgets : "${widget.x} ${widget.width} ${widget.properties.metrics[0][1]} ${length(widget.properties.metrics)}"
    if try(widget.properties.title, "") == "Files in: a flat zero means that none arrive"] == ["0 8 NumberOfMessagesSent 3"]
    error_message = "Files in are counted otherwise."
  }

  assert {
    condition     = !strcontains(output.body, "AWS/SNS") && !strcontains(output.body, "topic")
    error_message = "Something is said of a topic that isn't there."
  }
}

run "a_pipeline_without_consumers_has_a_dashboard_of_its_topic" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  variables {
    consumers = {}
  }

  assert {
    condition     = [for widget in jsondecode(output.body).widgets : [widget.x, widget.y, widget.width]] == [[0, 0, 18], [18, 0, 6], [0, 5, 12], [12, 5, 12]]
    error_message = "The widgets are ${output.body}"
  }
}

run "as_many_consumers_as_fit_stay_within_cloudwatchs_limits" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  variables {
    consumers = { for n in range(98) : "consumer${n}" => { dead_letter_queue_name = "q${n}-dlq", function_name = "f${n}", queue_name = "q${n}", memory_size = 512, metrics_namespace = "ObjectPipeline", timeout = 30 } }
  }

  assert {
    condition = (
      length(jsondecode(output.body).widgets) == 496
      && sum([for widget in jsondecode(output.body).widgets : length(try(widget.properties.metrics, []))]) <= 2500
      && max([for widget in jsondecode(output.body).widgets : length(try(widget.properties.metrics, []))]...) <= 500
    )
    error_message = "There are more than 500 widgets, 2,500 metrics, or 500 metrics in a graph."
  }
}

run "more_consumers_than_fit_are_refused" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  variables {
    consumers = { for n in range(99) : "consumer${n}" => { dead_letter_queue_name = "q${n}-dlq", function_name = "f${n}", queue_name = "q${n}", memory_size = 512, metrics_namespace = "ObjectPipeline", timeout = 30 } }
  }

  expect_failures = [aws_cloudwatch_dashboard.this]
}

run "a_name_that_no_dashboard_can_have_is_refused" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  variables {
    name = "orders.v2"
  }

  expect_failures = [aws_cloudwatch_dashboard.this]
}

run "a_dashboard_can_have_another_name_than_its_pipeline" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  variables {
    name           = "orders.v2"
    dashboard_name = "orders_v2"
  }

  assert {
    condition     = output.name == "orders_v2" && strcontains(output.body, "\"orders.v2\"")
    error_message = "The dashboard is called ${output.name}"
  }

  assert {
    condition     = output.url == "https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards:name=orders_v2"
    error_message = "The dashboard is said to be at ${output.url}"
  }
}

run "the_url_is_one_of_the_partitions_own_console" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  override_data {
    target = data.aws_service.current
    values = { partition = "aws-cn", region = "cn-north-1" }
  }

  assert {
    condition     = output.url == "https://console.amazonaws.cn/cloudwatch/home?region=cn-north-1#dashboards:name=orders"
    error_message = "The dashboard is said to be at ${output.url}"
  }
}

run "a_partition_whose_console_is_unknown_has_no_url" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  override_data {
    target = data.aws_service.current
    values = { partition = "aws-iso", region = "us-iso-east-1" }
  }

  assert {
    condition     = output.url == null
    error_message = "The dashboard is said to be at a console that isn't known."
  }
}

run "a_timeout_in_milliseconds_is_refused" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  variables {
    consumers = { audit = { dead_letter_queue_name = "q-dlq", function_name = "f", queue_name = "q", timeout = 30000, memory_size = 512, metrics_namespace = "ObjectPipeline" } }
  }

  expect_failures = [var.consumers]
}

run "a_period_of_half_minutes_is_refused" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  variables {
    period_seconds = 90
  }

  expect_failures = [var.period_seconds]
}

run "a_period_of_a_minute_is_used" {
  command = plan

  module {
    source = "./modules/pipeline-dashboard"
  }

  variables {
    period_seconds = 60
  }

  assert {
    condition     = jsondecode(output.body).widgets[2].properties.period == 60
    error_message = "The period is ${jsondecode(output.body).widgets[2].properties.period} s."
  }
}
