# EventBridge's event pattern.

locals {
  # S3's notifications and EventBridge have their own names for the same events.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
  detail_types = {
    "s3:IntelligentTiering"      = ["Object Access Tier Changed"]
    "s3:LifecycleTransition"     = ["Object Storage Class Changed"]
    "s3:ObjectAcl:Put"           = ["Object ACL Updated"]
    "s3:ObjectCreated:*"         = ["Object Created"]
    "s3:ObjectRestore:*"         = ["Object Restore Completed", "Object Restore Expired", "Object Restore Initiated"]
    "s3:ObjectRestore:Completed" = ["Object Restore Completed"]
    "s3:ObjectRestore:Delete"    = ["Object Restore Expired"]
    "s3:ObjectRestore:Post"      = ["Object Restore Initiated"]
    "s3:ObjectTagging:*"         = ["Object Tags Added", "Object Tags Deleted"]
    "s3:ObjectTagging:Delete"    = ["Object Tags Deleted"]
    "s3:ObjectTagging:Put"       = ["Object Tags Added"]
  }
  creation_reasons = {
    "s3:ObjectCreated:CompleteMultipartUpload" = "CompleteMultipartUpload"
    "s3:ObjectCreated:Copy"                    = "CopyObject"
    "s3:ObjectCreated:Post"                    = "POST Object"
    "s3:ObjectCreated:Put"                     = "PutObject"
  }
  deletions = {
    "s3:LifecycleExpiration:*"                   = { reason = ["Lifecycle Expiration"] }
    "s3:LifecycleExpiration:Delete"              = { reason = ["Lifecycle Expiration"], deletion-type = ["Permanently Deleted"] }
    "s3:LifecycleExpiration:DeleteMarkerCreated" = { reason = ["Lifecycle Expiration"], deletion-type = ["Delete Marker Created"] }
    "s3:ObjectRemoved:*"                         = { reason = ["DeleteObject"] }
    "s3:ObjectRemoved:Delete"                    = { reason = ["DeleteObject"], deletion-type = ["Permanently Deleted"] }
    "s3:ObjectRemoved:DeleteMarkerCreated"       = { reason = ["DeleteObject"], deletion-type = ["Delete Marker Created"] }
  }
  events_not_on_eventbridge = [for event in local.wanted.events : event
    if !contains(keys(merge(local.detail_types, local.creation_reasons, local.deletions)), event)
  ]

  wanted_types     = distinct(flatten([for event in local.wanted.events : lookup(local.detail_types, event, [])]))
  wanted_reasons   = [for event in local.wanted.events : local.creation_reasons[event] if contains(keys(local.creation_reasons), event)]
  wanted_deletions = [for event in local.wanted.events : local.deletions[event] if contains(keys(local.deletions), event)]

  # The ways to match, as JSON because they differ in shape: any event of a type, creations by their reason, deletions by
  # theirs.
  kinds = concat(
    length(local.wanted_types) == 0 ? [] : [jsonencode({ type = local.wanted_types, detail = {} })],
    length(local.wanted_reasons) == 0 ? [] : [jsonencode({ type = ["Object Created"], detail = { reason = local.wanted_reasons } })],
    [for detail in local.wanted_deletions : jsonencode({ type = ["Object Deleted"], detail = detail })],
  )

  # An asterisk and a backslash in a key are characters, not a wildcard and an escape.
  pattern_parts = distinct(concat(local.wanted.prefixes, local.wanted.suffixes, var.excluded.prefixes, var.excluded.suffixes))
  escaped       = { for part in local.pattern_parts : part => replace(replace(part, "\\", "\\\\"), "*", "\\*") }

  # A prefix and a suffix: any key between them, and the keys in which they share characters.
  prefixed_and_suffixed = flatten([for pair in setproduct(local.wanted.prefixes, local.wanted.suffixes) : concat(
    [jsonencode({ wildcard = "${local.escaped[pair[0]]}*${local.escaped[pair[1]]}" })],
    [for shared in range(1, min(length(pair[0]), length(pair[1])) + 1) : jsonencode("${pair[0]}${substr(pair[1], shared, -1)}")
    if endswith(pair[0], substr(pair[1], 0, shared))],
  )])
  included_keys = concat(
    length(local.wanted.suffixes) > 0 ? [] : [for prefix in local.wanted.prefixes : jsonencode({ prefix = prefix })],
    length(local.wanted.prefixes) > 0 ? [] : [for suffix in local.wanted.suffixes : jsonencode({ suffix = suffix })],
    local.prefixed_and_suffixed,
  )
  excluded_keys = concat(
    [for prefix in distinct(var.excluded.prefixes) : "${local.escaped[prefix]}*"],
    [for suffix in distinct(var.excluded.suffixes) : "*${local.escaped[suffix]}"],
  )

  # EventBridge compares no numbers beyond 5,000,000,000, so it would not match a larger object by a lower limit alone.
  # Without an upper limit that it can compare, sizes are left to the function, and no object is lost.
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
  compares_sizes = try(local.wanted.max_bytes <= 5000000000, false)
  sizes = jsonencode(concat(
    local.wanted.min_bytes == null ? [] : [[">=", local.wanted.min_bytes]],
    [["<=", local.wanted.max_bytes]],
  ))

  object_pattern = merge(
    length(local.included_keys) == 0 ? {} : { key = [for matcher in local.included_keys : jsondecode(matcher)] },
    length(local.excluded_keys) == 0 ? {} : { key = [{ anything-but = { wildcard = local.excluded_keys } }] },
    local.compares_sizes ? { size = [{ numeric = flatten(jsondecode(local.sizes)) }] } : {},
  )

  patterns = [for kind in [for kind in local.kinds : jsondecode(kind)] : jsonencode({
    detail-type = kind.type
    detail = merge(
      kind.detail,
      length(var.buckets) == 0 ? {} : { bucket = { name = sort(var.buckets) } },
      length(local.object_pattern) == 0 ? {} : { object = local.object_pattern },
    )
  })]

  any_pattern = jsonencode({ "$or" = [for pattern in local.patterns : jsondecode(pattern)] })

  event_pattern = jsonencode(merge(
    { source = ["aws.s3"] },
    jsondecode(length(local.patterns) == 1 ? local.patterns[0] : local.any_pattern),
  ))
}
