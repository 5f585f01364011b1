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

# A bucket that the pipeline has created and is now to use as an existing one would be destroyed, or at least lose its
# policy, its encryption and the block on public access. Terraform compares a configuration with nothing but the state:
# this remembers there, for as long as the bucket is the same, whether the pipeline created it.
resource "terraform_data" "bucket" {
  input            = var.bucket.name != null
  triggers_replace = local.bucket_name

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.input || var.bucket.name == null
      error_message = "The bucket ${local.bucket_name} exists, and the pipeline has used it as bucket.existing: it can't create it. To let it manage the bucket, import it: docs/changes.md shows how."
    }

    postcondition {
      condition     = !self.input || var.bucket.name != null
      error_message = "The pipeline has created the bucket ${local.bucket_name}: as bucket.existing, Terraform would remove its policy, its encryption and the block on public access, and then destroy it, with its files if bucket.force_destroy was set. To keep it, let Terraform forget it first: terraform state rm 'module.NAME.module.bucket[0]' 'module.NAME.terraform_data.bucket'. docs/changes.md shows how."
    }
  }
}
