# Mistakes that only show once files move, and then cost money or lose them, stop the plan here.
data "aws_caller_identity" "current" {
  lifecycle {
    precondition {
      condition     = length(local.loops) == 0
      error_message = "These consumers write where the pipeline's own filter matches again, a loop that never ends: ${join("; ", local.loops)}. Choose an output.prefix outside filter.prefixes, narrow filter.prefixes, or write to another bucket."
    }

    precondition {
      condition     = length(local.unreachable) == 0
      error_message = "These consumers want files that the pipeline's own filter keeps out: ${join("; ", local.unreachable)}. Widen the pipeline's filter, or correct the consumer's."
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
    if output.bucket == local.bucket_name
    && anytrue([for event in var.filter.events : startswith(event, "s3:ObjectCreated:")])
    && anytrue([for prefix in coalescelist(var.filter.prefixes, [""]) :
      startswith(output.prefix, prefix) || startswith(prefix, output.prefix)
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
