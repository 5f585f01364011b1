# What is shown; main.tf says where.
locals {
  header = <<-EOT
    # ${var.name}
    Files that land in bucket `${var.bucket_name}` are told to each consumer below${var.topic_name == null ? "" : " by topic `${coalesce(var.topic_name, "-")}`"}. A graph without points means that nothing happened.

    - **First row:** do files come in, and what is paid for.
    - **A row for each consumer:** what became of its files, whether files wait, how long its function takes, what went wrong.
    - **Why a file was set aside:** its message in the dead-letter queue says so in its attributes `ErrorType` and `ErrorMessage`. One without them was moved by SQS after a crash, a timeout or throttling.
  EOT

  # S3 reports once a day, with a delay: a graph of the last hours would be empty.
  storage_graph = {
    title  = "Storage paid for: growth without end is bad"
    start  = "-P14D"
    end    = "P0D"
    period = 86400
    stat   = "Average"
    yAxis = {
      left  = { min = 0, label = "bytes", showUnits = false }
      right = { min = 0, label = "objects", showUnits = false }
    }
    metrics = [
      ["AWS/S3", "BucketSizeBytes", "BucketName", var.bucket_name, "StorageType", "StandardStorage", { label = "standard storage", color = local.colors.neutral }],
      ["AWS/S3", "NumberOfObjects", "BucketName", var.bucket_name, "StorageType", "AllStorageTypes", { label = "objects (right)", color = local.colors.other, yAxis = "right" }],
    ]
  }

  pipeline_graphs = concat(
    [for topic in var.topic_name[*] : {
      title   = "Files in: a flat zero means that none arrive"
      yAxis   = { left = { min = 0, label = "files", showUnits = false } }
      metrics = [["AWS/SNS", "NumberOfMessagesPublished", "TopicName", topic, { label = "published to the topic", color = local.colors.neutral }]]
    }],
    [for topic in var.topic_name[*] : {
      title = "Told to the queues: failed should be 0"
      yAxis = { left = { min = 0, label = "notifications", showUnits = false } }
      metrics = [
        ["AWS/SNS", "NumberOfNotificationsDelivered", "TopicName", topic, { label = "delivered", color = local.colors.good }],
        ["AWS/SNS", "NumberOfNotificationsFilteredOut", "TopicName", topic, { label = "not wanted", color = local.colors.other }],
        ["AWS/SNS", "NumberOfNotificationsFailed", "TopicName", topic, { label = "failed", color = local.colors.bad }],
      ]
    }],
    [for consumers in [var.consumers] : {
      title   = "Files in: a flat zero means that none arrive"
      yAxis   = { left = { min = 0, label = "messages", showUnits = false } }
      stacked = true
      metrics = [for name, consumer in consumers : ["AWS/SQS", "NumberOfMessagesSent", "QueueName", consumer.queue_name, { label = "sent to ${name}" }]]
    } if var.topic_name == null && length(consumers) > 0],
    [for consumers in [var.consumers] : {
      title = "Functions paid for: invocations and GB-seconds"
      yAxis = {
        left  = { min = 0, label = "GB-seconds", showUnits = false }
        right = { min = 0, label = "invocations", showUnits = false }
      }
      # Duration is in milliseconds, memory_size in MB.
      metrics = concat(
        [for index, name in keys(consumers) : [{
          id         = "gb_seconds_${index}"
          expression = "duration_${index} * ${consumers[name].memory_size} / 1024 / 1000"
          label      = name
        }]],
        [[{ id = "all", expression = "SUM(METRICS(\"invocations_\"))", label = "invocations (right)", yAxis = "right", color = local.colors.other }]],
        [for index, name in keys(consumers) : ["AWS/Lambda", "Duration", "FunctionName", consumers[name].function_name, { id = "duration_${index}", visible = false }]],
        [for index, name in keys(consumers) : ["AWS/Lambda", "Invocations", "FunctionName", consumers[name].function_name, { id = "invocations_${index}", visible = false }]],
      )
    } if length(consumers) > 0],
    [for consumers in [var.consumers] : {
      title = "Queues paid for: empty receives are idle polling"
      yAxis = { left = { min = 0, label = "messages; a request moves up to 10", showUnits = false } }
      metrics = concat(
        [for use in local.queue_use : [{ id = use.id, expression = "SUM(METRICS(\"${use.id}_\"))", label = use.label, color = use.color }]],
        [for pair in setproduct(local.queue_use, range(length(consumers))) : [
          "AWS/SQS", pair[0].metric, "QueueName", values(consumers)[pair[1]].queue_name, { id = "${pair[0].id}_${pair[1]}", visible = false },
        ]],
      )
    } if length(consumers) > 0],
  )

  queue_use = [
    { id = "sent", metric = "NumberOfMessagesSent", label = "sent", color = local.colors.neutral },
    { id = "received", metric = "NumberOfMessagesReceived", label = "received", color = local.colors.warning },
    { id = "deleted", metric = "NumberOfMessagesDeleted", label = "deleted", color = local.colors.good },
    { id = "empty", metric = "NumberOfEmptyReceives", label = "empty receives", color = local.colors.other },
  ]

  headings = { for name, consumer in var.consumers :
    name => "## ${name}\nQueue `${consumer.queue_name}`, function `${consumer.function_name}`, dead-letter queue `${consumer.dead_letter_queue_name}`."
  }

  consumer_graphs = { for name, consumer in var.consumers : name => [
    {
      title   = "Files of ${name}: quarantined should be 0"
      stacked = true
      yAxis   = { left = { min = 0, label = "files", showUnits = false } }
      metrics = [for series in [
        { metric = "ObjectsDone", label = "done", color = local.colors.good },
        { metric = "ObjectsSkipped", label = "skipped", color = local.colors.other },
        { metric = "ObjectsRetried", label = "retried", color = local.colors.warning },
        { metric = "ObjectsQuarantined", label = "quarantined", color = local.colors.bad },
      ] : [consumer.metrics_namespace, series.metric, "Pipeline", var.name, "Consumer", name, { label = series.label, color = series.color }]]
    },
    {
      title = "Waiting for ${name}: a growing age is bad"
      stat  = "Maximum"
      yAxis = {
        left  = { min = 0, label = "seconds", showUnits = false }
        right = { min = 0, label = "messages", showUnits = false }
      }
      metrics = [
        ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", consumer.queue_name, { label = "age of the oldest", color = local.colors.warning }],
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", consumer.queue_name, { label = "waiting (right)", color = local.colors.neutral, yAxis = "right" }],
        ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "QueueName", consumer.queue_name, { label = "in flight (right)", color = local.colors.other, yAxis = "right" }],
      ]
    },
    {
      title = "Time of ${name}: p99 at the timeout is bad"
      yAxis = { left = { min = 0, label = "milliseconds", showUnits = false } }
      metrics = [
        ["AWS/Lambda", "Duration", "FunctionName", consumer.function_name, { label = "p50", stat = "p50", color = local.colors.neutral }],
        ["AWS/Lambda", "Duration", "FunctionName", consumer.function_name, { label = "p99", stat = "p99", color = local.colors.warning }],
      ]
      annotations = { horizontal = [{ label = "timeout, ${consumer.timeout} s", value = consumer.timeout * 1000, color = local.colors.bad }] }
    },
    {
      title = "Trouble of ${name}: everything should be 0"
      yAxis = { left = { min = 0, label = "messages, invocations", showUnits = false } }
      metrics = [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", consumer.dead_letter_queue_name, { label = "in the dead-letter queue", stat = "Maximum", color = local.colors.bad }],
        ["AWS/Lambda", "Errors", "FunctionName", consumer.function_name, { label = "function errors", color = local.colors.warning }],
        ["AWS/Lambda", "Throttles", "FunctionName", consumer.function_name, { label = "throttles", color = local.colors.other }],
      ]
    },
  ] }
}
