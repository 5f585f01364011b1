# The graphs; main.tf has their layout.
locals {
  through = var.topic_name == null ? "" : ", through topic `${coalesce(var.topic_name, "-")}`"
  header  = <<-EOT
    # ${var.name}
    Each file that is uploaded to bucket `${var.bucket_name}` is delivered to the consumers below${local.through}. A graph without points means that nothing happened.

    - **First row:** incoming files, and usage that AWS charges for.
    - **A row for each consumer:** the outcome of its files, the files that wait, the duration of its function, errors.
    - **Why a file went to the dead-letter queue:** see the attributes `ErrorType` and `ErrorMessage` of its message. SQS moved a message without them, after a crash, a timeout or throttling.
  EOT

  axes = { for unit in [
    "bytes", "files", "GB-seconds", "invocations", "messages", "messages, invocations",
    "messages; a request moves up to 10", "milliseconds", "notifications", "objects", "seconds",
  ] : unit => { min = 0, label = unit, showUnits = false } }

  # S3 reports once a day, with a delay: a graph of the last hours would be empty.
  storage_graph = merge(local.graph, {
    title  = "Storage paid for: growth without end is bad"
    start  = "-P14D"
    end    = "P0D"
    period = 86400
    stat   = "Average"
    yAxis  = { left = local.axes.bytes, right = local.axes.objects }
    metrics = [for series in [
      ["BucketSizeBytes", "StandardStorage", { label = "standard storage", color = local.colors.neutral }],
      ["NumberOfObjects", "AllStorageTypes", {
        label = "objects (right)", color = local.colors.other, yAxis = "right"
      }],
    ] : ["AWS/S3", series[0], "BucketName", var.bucket_name, "StorageType", series[1], series[2]]]
  })

  pipeline_graphs = concat(
    var.topic_name == null ? [] : [{
      title = "Files in: a flat zero means that none arrive"
      yAxis = { left = local.axes.files }
      metrics = [for series in [
        ["NumberOfMessagesPublished", { label = "published to the topic", color = local.colors.neutral }],
      ] : ["AWS/SNS", series[0], "TopicName", var.topic_name, series[1]]]
    }],
    var.topic_name == null ? [] : [{
      title = "Told to the queues: failed should be 0"
      yAxis = { left = local.axes.notifications }
      metrics = [for series in [
        ["NumberOfNotificationsDelivered", { label = "delivered", color = local.colors.good }],
        ["NumberOfNotificationsFilteredOut", { label = "not wanted", color = local.colors.other }],
        ["NumberOfNotificationsFailed", { label = "failed", color = local.colors.bad }],
      ] : ["AWS/SNS", series[0], "TopicName", var.topic_name, series[1]]]
    }],
    var.topic_name != null || length(var.consumers) == 0 ? [] : [{
      title   = "Files in: a flat zero means that none arrive"
      yAxis   = { left = local.axes.messages }
      stacked = true
      metrics = [for name, consumer in var.consumers :
        ["AWS/SQS", "NumberOfMessagesSent", "QueueName", consumer.queue_name, { label = "sent to ${name}" }]
      ]
    }],
    length(var.consumers) == 0 ? [] : [{
      title   = "Functions paid for: invocations and GB-seconds"
      yAxis   = { left = local.axes["GB-seconds"], right = local.axes.invocations }
      metrics = concat(local.gb_seconds, local.invocations, local.function_use)
    }],
    length(var.consumers) == 0 ? [] : [{
      title   = "Queues paid for: empty receives are idle polling"
      yAxis   = { left = local.axes["messages; a request moves up to 10"] }
      metrics = concat(local.queue_sums, local.queue_use)
    }],
  )

  # Duration is in milliseconds, memory_size in MB.
  gb_seconds = [for index, name in keys(var.consumers) : [{
    id         = "gb_seconds_${index}"
    expression = "duration_${index} * ${var.consumers[name].memory_size} / 1024 / 1000"
    label      = name
  }]]
  invocations = [[{
    id         = "all"
    expression = "SUM(METRICS(\"invocations_\"))"
    label      = "invocations (right)"
    yAxis      = "right"
    color      = local.colors.other
  }]]
  function_use = [for pair in setproduct(["Duration", "Invocations"], range(length(var.consumers))) : [
    "AWS/Lambda", pair[0], "FunctionName", values(var.consumers)[pair[1]].function_name,
    { id = "${lower(pair[0])}_${pair[1]}", visible = false },
  ]]

  queue_uses = [
    { id = "sent", metric = "NumberOfMessagesSent", label = "sent", color = local.colors.neutral },
    { id = "received", metric = "NumberOfMessagesReceived", label = "received", color = local.colors.warning },
    { id = "deleted", metric = "NumberOfMessagesDeleted", label = "deleted", color = local.colors.good },
    { id = "empty", metric = "NumberOfEmptyReceives", label = "empty receives", color = local.colors.other },
  ]
  queue_sums = [for use in local.queue_uses :
    [{ id = use.id, expression = "SUM(METRICS(\"${use.id}_\"))", label = use.label, color = use.color }]
  ]
  queue_use = [for pair in setproduct(local.queue_uses, range(length(var.consumers))) : [
    "AWS/SQS", pair[0].metric, "QueueName", values(var.consumers)[pair[1]].queue_name,
    { id = "${pair[0].id}_${pair[1]}", visible = false },
  ]]

  headings = { for name, consumer in var.consumers :
    name => join("", [
      "## ${name}\nQueue `${consumer.queue_name}`, function `${consumer.function_name}`, ",
      "dead-letter queue `${consumer.dead_letter_queue_name}`.",
    ])
  }

  consumer_graphs = { for name, consumer in var.consumers : name => [
    {
      title   = "Files of ${name}: dead-lettered should be 0"
      stacked = true
      yAxis   = { left = local.axes.files }
      metrics = [for series in [
        ["ObjectsDone", { label = "done", color = local.colors.good }],
        ["ObjectsSkipped", { label = "skipped", color = local.colors.other }],
        ["ObjectsContinued", { label = "continued", color = local.colors.neutral }],
        ["ObjectsRetried", { label = "retried", color = local.colors.warning }],
        ["ObjectsQuarantined", { label = "dead-lettered", color = local.colors.bad }],
      ] : [consumer.metrics_namespace, series[0], "Pipeline", var.name, "Consumer", name, series[1]]]
    },
    {
      title = "Waiting for ${name}: a growing age is bad"
      stat  = "Maximum"
      yAxis = { left = local.axes.seconds, right = local.axes.messages }
      metrics = [for series in [
        ["AgeOfOldestMessage", { label = "age of the oldest", color = local.colors.warning }],
        ["NumberOfMessagesVisible", { label = "waiting (right)", color = local.colors.neutral, yAxis = "right" }],
        ["NumberOfMessagesNotVisible", { label = "in flight (right)", color = local.colors.other, yAxis = "right" }],
      ] : ["AWS/SQS", "Approximate${series[0]}", "QueueName", consumer.queue_name, series[1]]]
    },
    {
      title = "Time of ${name}: p99 at the timeout is bad"
      yAxis = { left = local.axes.milliseconds }
      metrics = [for stat, color in { p50 = local.colors.neutral, p99 = local.colors.warning } :
        ["AWS/Lambda", "Duration", "FunctionName", consumer.function_name, { label = stat, stat = stat, color = color }]
      ]
      annotations = { horizontal = [
        { label = "timeout, ${consumer.timeout} s", value = consumer.timeout * 1000, color = local.colors.bad },
      ] }
    },
    {
      title = "Trouble of ${name}: everything should be 0"
      yAxis = { left = local.axes["messages, invocations"] }
      metrics = concat(
        [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", consumer.dead_letter_queue_name, {
          label = "in the dead-letter queue", stat = "Maximum", color = local.colors.bad
        }]],
        [for series in [
          ["Errors", { label = "function errors", color = local.colors.warning }],
          ["Throttles", { label = "throttles", color = local.colors.other }],
        ] : ["AWS/Lambda", series[0], "FunctionName", consumer.function_name, series[1]]],
      )
    },
  ] }
}
