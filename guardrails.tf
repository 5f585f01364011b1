data "aws_caller_identity" "current" {
  lifecycle {
    precondition {
      condition     = length(local.loops) == 0
      error_message = "These consumers write where the pipeline's own filter matches again, a loop that never ends: ${join("; ", local.loops)}. Choose an output.prefix outside filter.prefixes, narrow filter.prefixes, or write to another bucket."
    }

    precondition {
      condition     = length(local.unreachable) == 0
      error_message = "These consumers want files that the pipeline's own filter keeps out: ${join("; ", local.unreachable)}. Widen filter.prefixes, or correct the consumer's."
    }
  }
}

# Mistakes that only show once files move, and then cost money or lose them, stop the plan here.
locals {
  loops = [for name, output in local.outputs : "${name} writes to ${output.prefix}"
    if output.bucket == local.bucket_name && anytrue([
      for prefix in(length(var.filter.prefixes) > 0 ? var.filter.prefixes : [""]) :
      startswith(output.prefix, prefix) || startswith(prefix, output.prefix)
    ])
  ]

  unreachable = [for name, consumer in var.consumers : "${name} (${join(", ", consumer.filter.prefixes)})"
    if length(var.filter.prefixes) > 0 && length(consumer.filter.prefixes) > 0 && !alltrue([
      for wanted in consumer.filter.prefixes : anytrue([
        for passed in var.filter.prefixes : startswith(wanted, passed) || startswith(passed, wanted)
      ])
    ])
  ]
}
