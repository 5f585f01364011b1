locals {
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
  event_names = toset([
    "s3:IntelligentTiering",
    "s3:LifecycleExpiration:*", "s3:LifecycleExpiration:Delete", "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:ObjectAcl:Put",
    "s3:ObjectCreated:*", "s3:ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Copy", "s3:ObjectCreated:Post", "s3:ObjectCreated:Put",
    "s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*", "s3:ObjectRestore:Completed", "s3:ObjectRestore:Delete", "s3:ObjectRestore:Post",
    "s3:ObjectTagging:*", "s3:ObjectTagging:Delete", "s3:ObjectTagging:Put",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*", "s3:Replication:OperationFailedReplication", "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationNotTracked", "s3:Replication:OperationReplicatedAfterThreshold",
  ])

  targets = merge(
    { for name, target in var.functions : "functions.${name}" => target },
    { for name, target in var.queues : "queues.${name}" => target },
    { for name, target in var.topics : "topics.${name}" => target },
  )

  unknown_events = flatten([for name, target in local.targets : [
    for event in target.events : "${name}: ${event}" if !contains(local.event_names, event)
  ]])

  # One of S3's filters has one prefix and one suffix.
  filters = { for name, target in local.targets : name => [
    for pair in setproduct(
      length(target.prefixes) == 0 ? [""] : distinct(target.prefixes),
      length(target.suffixes) == 0 ? [""] : distinct(target.suffixes),
    ) : { prefix = pair[0], suffix = pair[1] }
  ] }

  rules = flatten([for name, target in local.targets : [
    for filter in local.filters[name] : [
      for event in target.events : merge(filter, { target = name, event = event, all = endswith(event, "*"), stem = trimsuffix(event, "*") })
    ]
  ]])

  # S3 refuses two rules that one object could match; it says so only at apply, and not which.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
  overlaps = distinct(flatten([for i, a in local.rules : [
    for b in slice(local.rules, i + 1, length(local.rules)) :
    "${a.target} and ${b.target} (${a.event} and ${b.event}, prefix \"${a.prefix}\" and \"${b.prefix}\", suffix \"${a.suffix}\" and \"${b.suffix}\")"
    if(a.target != b.target || a.prefix != b.prefix || a.suffix != b.suffix)
    && (a.event == b.event || (a.all && startswith(b.event, a.stem)) || (b.all && startswith(a.event, b.stem)))
    && (startswith(a.prefix, b.prefix) || startswith(b.prefix, a.prefix))
    && (endswith(a.suffix, b.suffix) || endswith(b.suffix, a.suffix))
  ]]))

  # S3 compares a filter with the key as its events spell it: form-encoded, with the slashes kept. Where
  # encoders differ (asterisk, tilde) both spellings get a notification.
  spellings = { for part in distinct(flatten([for rule in local.rules : [rule.prefix, rule.suffix]])) :
    part => distinct([
      replace(urlencode(part), "%2F", "/"),
      replace(replace(replace(urlencode(part), "%2F", "/"), "%2A", "*"), "~", "%7E"),
    ])
  }

  notifications = { for name, target in local.targets : name => flatten([for filter in local.filters[name] : [
    for spelling in setproduct(local.spellings[filter.prefix], local.spellings[filter.suffix]) :
    { arn = target.arn, events = target.events, prefix = spelling[0], suffix = spelling[1] }
  ]]) }
}

resource "aws_s3_bucket_notification" "this" {
  bucket      = var.bucket
  eventbridge = var.eventbridge

  dynamic "lambda_function" {
    for_each = flatten([for name in keys(var.functions) : [
      for i, notification in local.notifications["functions.${name}"] : merge(notification, { id = "${name}-${i}" })
    ]])

    content {
      id                  = lambda_function.value.id
      lambda_function_arn = lambda_function.value.arn
      events              = lambda_function.value.events
      filter_prefix       = lambda_function.value.prefix
      filter_suffix       = lambda_function.value.suffix
    }
  }

  dynamic "queue" {
    for_each = flatten([for name in keys(var.queues) : [
      for i, notification in local.notifications["queues.${name}"] : merge(notification, { id = "${name}-${i}" })
    ]])

    content {
      id            = queue.value.id
      queue_arn     = queue.value.arn
      events        = queue.value.events
      filter_prefix = queue.value.prefix
      filter_suffix = queue.value.suffix
    }
  }

  dynamic "topic" {
    for_each = flatten([for name in keys(var.topics) : [
      for i, notification in local.notifications["topics.${name}"] : merge(notification, { id = "${name}-${i}" })
    ]])

    content {
      id            = topic.value.id
      topic_arn     = topic.value.arn
      events        = topic.value.events
      filter_prefix = topic.value.prefix
      filter_suffix = topic.value.suffix
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.unknown_events) == 0
      error_message = "S3 has no such events: ${join(", ", local.unknown_events)}. Use names such as s3:ObjectCreated:* or s3:ObjectRemoved:Delete."
    }

    precondition {
      condition     = length(local.overlaps) == 0
      error_message = "One object could match two notifications, which S3 refuses: ${join("; ", local.overlaps)}. Give them prefixes or suffixes that exclude each other, or let one topic tell both targets."
    }

    # https://docs.aws.amazon.com/general/latest/gr/s3.html#limits_s3
    precondition {
      condition     = sum(concat([0], [for notifications in local.notifications : length(notifications)])) <= 100
      error_message = "S3 takes at most 100 notifications on a bucket, and each prefix with each suffix is one. Use fewer of them, or let the functions and queues filter."
    }
  }
}
