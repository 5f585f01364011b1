# A consumer that writes where the pipeline reads would process its own output in a loop.

locals {
  # The filters of S3's notifications.
  notified = var.route == "topic" ? [module.filter] : values(module.filters)

  # The prefixes whose new files trigger the pipeline. The function chooses the names of its outputs, so suffixes can't
  # be compared.
  started_by = flatten([for filter in local.notified : coalescelist(filter.wanted.prefixes, [""])
    if anytrue([for event in filter.event_names : startswith(event, "s3:ObjectCreated:")])
  ])

  written = [for name, consumer in var.consumers : { consumer = name, prefix = consumer.output.prefix }
    if consumer.output == null ? false : coalesce(consumer.output.bucket, local.bucket_name) == local.bucket_name
  ]
  loops = [for output in local.written : "${local.places[output.consumer]}.output.prefix, ${output.prefix}" if anytrue([
    for prefix in local.started_by : startswith(output.prefix, prefix) || startswith(prefix, output.prefix)
  ])]
}

data "aws_caller_identity" "current" {
  lifecycle {
    precondition {
      condition     = length(local.loops) == 0
      error_message = "These outputs match the pipeline's own filter, which causes a loop: ${join("; ", local.loops)}. Choose a prefix outside filter.prefixes, narrow filter.prefixes, or write to another bucket."
    }
  }
}
