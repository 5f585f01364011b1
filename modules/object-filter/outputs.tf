output "event_names" {
  description = "The names of the wanted events, wildcards resolved."
  value       = local.wanted_names
}

output "event_pattern" {
  description = "The filter as an EventBridge event pattern, as JSON. A rule that matches it delivers every wanted object; sizes that EventBridge can't compare are left to the function."
  value = (length(local.patterns) == 1
    ? jsonencode(merge({ source = ["aws.s3"] }, local.patterns[0]))
    : jsonencode({ source = ["aws.s3"], "$or" = local.patterns })
  )
}

output "events_not_on_eventbridge" {
  description = "The wanted events that S3 doesn't send to EventBridge."
  value = [for event in local.wanted.events : event
    if !contains(flatten([for names in local.on_eventbridge : keys(names)]), event)
  ]
}

output "filter_criteria" {
  description = "The filter as filter_criteria of an SQS event source mapping: prefixes and events. Lambda deletes messages that don't match, among them every message that isn't JSON."
  value       = length(local.body_matchers) == 0 ? [] : [jsonencode({ body = { Records = local.body_matchers } })]
}

output "filter_policy" {
  description = "The filter as an SNS filter policy on the message body, as JSON, without the conditions of within. With prefixes and suffixes it has the prefixes; suffixes and sizes are left to the function. null matches everything."
  value       = length(local.record_matchers) == 0 ? null : jsonencode({ Records = local.record_matchers })

  precondition {
    condition     = local.combinations <= 150
    error_message = "${var.name} is larger than an SNS filter policy may be (150 combinations, and it has ${local.combinations}). Use fewer prefixes, suffixes or events, or a shorter common prefix; the function checks the whole key."
  }
}

output "notifications" {
  description = "The filter as S3 notifications, each with events, filter_prefix and filter_suffix, in S3's encoding."
  value = [
    for pair in setproduct(
      flatten([for prefix in local.prefixes : local.spellings[prefix]]),
      flatten([for suffix in local.suffixes : local.spellings[suffix]]),
    ) : { events = local.wanted.events, filter_prefix = pair[0], filter_suffix = pair[1] }
  ]
}

output "wanted" {
  description = "The intersection of filter and within: prefixes, suffixes, events, min_bytes, max_bytes. As JSON, it is the variable OBJECT_FILTER for the function's own check."
  value       = local.wanted

  precondition {
    condition     = length(local.unknown_events) == 0
    error_message = "S3 has no such events: ${join(", ", local.unknown_events)}, in ${var.name}.events. Use names such as s3:ObjectCreated:* or s3:ObjectRemoved:Delete."
  }

  precondition {
    condition     = length(local.unreachable) == 0
    error_message = "Nothing that has passed the filter before can match ${var.name}: ${join("; ", local.unreachable)}. Correct it, or widen the filter before (in the root module, filter)."
  }
}
