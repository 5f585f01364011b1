locals {
  targets = merge(
    { for name, target in var.functions : "functions.${name}" => target },
    { for name, target in var.queues : "queues.${name}" => target },
    { for name, target in var.topics : "topics.${name}" => target },
  )

  registry = "/s3-notifications/${var.bucket}"
  others = join(" and ", flatten([for records in data.aws_ssm_parameters_by_path.owners : [
    for name in records.names : basename(name) if basename(name) != var.owner
  ]]))

  names    = { for name in keys(local.targets) : name => lookup(var.error_names, name, name) }
  services = { functions = "lambda", queues = "sqs", topics = "sns" }
  no_targets = [for name, target in local.targets : name
    if !can(regex("^arn:[^:]+:${local.services[split(".", name)[0]]}:[a-z0-9-]+:[0-9]{12}:.+$", target.arn))
  ]

  notifications = { for name, target in local.targets : name => [
    for notification in module.filters[name].notifications : merge(notification, { arn = target.arn })
  ] }

  # A notification has one prefix and one suffix.
  matches = flatten([for name in keys(local.targets) : [
    for pair in setproduct(
      coalescelist(module.filters[name].wanted.prefixes, [""]),
      coalescelist(module.filters[name].wanted.suffixes, [""]),
    ) : { name = name, prefix = pair[0], suffix = pair[1] }
  ]])

  # S3 rejects two notifications that the same object can match, but only at apply and without naming them.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
  overlaps = flatten([for i, a in local.matches : [
    for b in slice(local.matches, i + 1, length(local.matches)) :
    join(" and ", [for match in [a, b] :
      "${local.names[match.name]} (prefix \"${match.prefix}\", suffix \"${match.suffix}\")"
    ])
    if length(setintersection(module.filters[a.name].event_names, module.filters[b.name].event_names)) > 0
    && (startswith(a.prefix, b.prefix) || startswith(b.prefix, a.prefix))
    && (endswith(a.suffix, b.suffix) || endswith(b.suffix, a.suffix))
  ]])
}

module "filters" {
  source   = "../object-filter"
  for_each = local.targets

  name   = local.names[each.key]
  within = each.value
}

# S3 keeps one notification configuration for each bucket, and whoever writes one replaces it without an error. No data
# source of the provider reads it, but Parameter Store can say whose it is.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
data "aws_ssm_parameters_by_path" "owners" {
  count = var.owner == null ? 0 : 1

  path = local.registry
}

resource "aws_ssm_parameter" "owner" {
  # checkov:skip=CKV2_AWS_34:A pipeline's name is no secret, and a plan has to read those of other pipelines
  # checkov:skip=CKV_AWS_337:A pipeline's name is no secret, and a plan has to read those of other pipelines
  count = var.owner == null ? 0 : 1

  name        = "${local.registry}/${var.owner}"
  description = "${var.owner} configures the notifications of ${var.bucket}."
  type        = "String"
  value       = var.owner
  tags        = var.tags
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
      filter_prefix       = lambda_function.value.filter_prefix
      filter_suffix       = lambda_function.value.filter_suffix
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
      filter_prefix = queue.value.filter_prefix
      filter_suffix = queue.value.filter_suffix
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
      filter_prefix = topic.value.filter_prefix
      filter_suffix = topic.value.filter_suffix
    }
  }

  lifecycle {
    precondition {
      condition     = local.others == ""
      error_message = "${local.others} configures the notifications of ${var.bucket}, and this configuration would replace them: S3 keeps one for each bucket, so no new file would reach ${local.others}. Let one configuration notify both, or hand the bucket over; docs/changes.md shows both. If ${local.others} is gone, delete what it has left in Parameter Store: ${local.registry}/${local.others}."
    }

    precondition {
      condition     = length(local.no_targets) == 0
      error_message = "The arn of ${join(" and ", local.no_targets)} must be that of a Lambda function, an SQS queue or an SNS topic, as the variable says."
    }

    precondition {
      condition     = length(local.overlaps) == 0
      error_message = "An object could match two notifications, which S3 rejects: ${join("; ", local.overlaps)}. Give them prefixes, suffixes or events that exclude each other, or notify both through one topic or EventBridge (in the root module, route = \"topic\" or \"eventbridge\")."
    }

    # https://docs.aws.amazon.com/general/latest/gr/s3.html#limits_s3
    precondition {
      condition     = sum(concat([0], [for notifications in local.notifications : length(notifications)])) <= 100
      error_message = "S3 accepts at most 100 notifications per bucket, and each combination of a prefix and a suffix is one. Use fewer of them, or let the functions and queues filter."
    }
  }
}
