# Mistakes that only show once files move, and then cost money or lose them, stop the plan here.
data "aws_caller_identity" "current" {
  lifecycle {
    precondition {
      condition     = length(local.loops) == 0
      error_message = "These consumers write where the pipeline's own filter matches again, a loop that never ends: ${join("; ", local.loops)}. Choose an output.prefix outside filter.prefixes, narrow filter.prefixes, or write to another bucket."
    }

    precondition {
      condition     = length(local.unknown_events) == 0
      error_message = "S3 has no such events: ${join(", ", local.unknown_events)}. Use names such as s3:ObjectCreated:* or s3:ObjectRemoved:Delete."
    }

    precondition {
      condition     = length(local.overlaps) == 0
      error_message = "On route ${var.route} S3 tells one consumer of a file, and these want the same files: ${join("; ", local.overlaps)}. Give them prefixes, suffixes or events that exclude each other, or choose route = \"topic\" or \"eventbridge\"."
    }

    precondition {
      condition     = length(local.unreachable) == 0
      error_message = "These consumers want files that the pipeline's own filter keeps out: ${join("; ", local.unreachable)}. Widen the pipeline's filter, or correct the consumer's."
    }

    precondition {
      condition     = var.circuit_breaker == null || var.ledger != null
      error_message = "circuit_breaker remembers in the ledger's table, and there is none: set ledger = {}, or remove circuit_breaker."
    }

    precondition {
      condition     = var.circuit_breaker == null || var.route != "function"
      error_message = "On route function S3 invokes the functions past their queues, and no circuit breaker can hold files back: choose another route, or remove circuit_breaker."
    }

    precondition {
      condition     = length(local.too_large) == 0
      error_message = "These consumers' filters are larger than an SNS filter policy may be (150 combinations): ${join("; ", local.too_large)}. Use fewer prefixes, suffixes or events, or a shorter beginning that they share; the function sees the whole key."
    }
  }
}

locals {
  # What an output becomes is the function's choice, so its end can't be held against filter.suffixes.
  loops = [for name, output in local.outputs : "${name} writes to ${output.prefix}"
    if output.bucket == local.bucket_name && anytrue([for filter in local.notified :
      anytrue([for event in filter.events : startswith(event, "s3:ObjectCreated:")])
      && anytrue([for prefix in coalescelist(filter.prefixes, [""]) : startswith(output.prefix, prefix) || startswith(prefix, output.prefix)])
    ])
  ]

  unknown_events = flatten([for name, consumer in var.consumers : [
    for event in consumer.filter.events : "${name}: ${event}" if !contains(module.notifications.event_names, event)
  ]])

  # What S3 tells anybody of.
  notified = flatten([for filters in local.routed : [for filter in values(filters) : { prefixes = filter.prefixes, events = filter.events }]])

  # Consumers that S3 would have to tell of one file, which it does for one target only.
  told_directly = merge(local.routed.queues, local.routed.functions)
  pairs         = flatten([for i, first in keys(local.told_directly) : [for second in slice(keys(local.told_directly), i + 1, length(local.told_directly)) : { names = [first, second] }]])
  overlaps = [for pair in local.pairs[*].names : join(" and ", pair)
    if anytrue([for prefixes in setproduct(coalescelist(local.told_directly[pair[0]].prefixes, [""]), coalescelist(local.told_directly[pair[1]].prefixes, [""])) :
      startswith(prefixes[0], prefixes[1]) || startswith(prefixes[1], prefixes[0])
    ])
    && anytrue([for suffixes in setproduct(coalescelist(local.told_directly[pair[0]].suffixes, [""]), coalescelist(local.told_directly[pair[1]].suffixes, [""])) :
      endswith(suffixes[0], suffixes[1]) || endswith(suffixes[1], suffixes[0])
    ])
    && anytrue([for events in setproduct(local.told_directly[pair[0]].events, local.told_directly[pair[1]].events) :
      events[0] == events[1]
      || (endswith(events[0], "*") && startswith(events[1], trimsuffix(events[0], "*")))
      || (endswith(events[1], "*") && startswith(events[0], trimsuffix(events[1], "*")))
    ])
  ]

  unreachable = flatten([for name, consumer in var.consumers : concat(
    [for wanted in consumer.filter.prefixes : "${name} (prefix ${wanted})" if length(var.filter.prefixes) > 0 && !anytrue([
      for passed in var.filter.prefixes : startswith(wanted, passed) || startswith(passed, wanted)
    ])],
    [for wanted in consumer.filter.suffixes : "${name} (suffix ${wanted})" if length(var.filter.suffixes) > 0 && !anytrue([
      for passed in var.filter.suffixes : endswith(wanted, passed) || endswith(passed, wanted)
    ])],
    [for wanted in consumer.filter.events : "${name} (event ${wanted})" if !anytrue([
      for passed in var.filter.events : startswith(wanted, trimsuffix(passed, "*")) || startswith(passed, trimsuffix(wanted, "*"))
    ])],
  )])

  # The values of each key times its depth: Records.s3.object.key is 4 deep, Records.eventName 2.
  # https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
  too_large = [for name, keys in local.filter_keys : name
    if max(1, 4 * length(length(keys.prefixes) > 0 ? keys.prefixes : keys.suffixes)) * max(1, 2 * length(keys.events)) > 150
  ]
}
