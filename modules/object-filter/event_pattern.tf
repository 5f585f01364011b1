# EventBridge's event pattern.

locals {
  # S3's notifications and EventBridge have their own names for the same events: a type, for a creation its reason too,
  # for a deletion reason and type.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
  on_eventbridge = {
    types = {
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
    creations = {
      "s3:ObjectCreated:CompleteMultipartUpload" = "CompleteMultipartUpload"
      "s3:ObjectCreated:Copy"                    = "CopyObject"
      "s3:ObjectCreated:Post"                    = "POST Object"
      "s3:ObjectCreated:Put"                     = "PutObject"
    }
    deletions = {
      "s3:LifecycleExpiration:*"                   = ["Lifecycle Expiration"]
      "s3:LifecycleExpiration:Delete"              = ["Lifecycle Expiration", "Permanently Deleted"]
      "s3:LifecycleExpiration:DeleteMarkerCreated" = ["Lifecycle Expiration", "Delete Marker Created"]
      "s3:ObjectRemoved:*"                         = ["DeleteObject"]
      "s3:ObjectRemoved:Delete"                    = ["DeleteObject", "Permanently Deleted"]
      "s3:ObjectRemoved:DeleteMarkerCreated"       = ["DeleteObject", "Delete Marker Created"]
    }
  }
  matched = { for kind, names in local.on_eventbridge :
    kind => [for event in local.wanted.events : names[event] if contains(keys(names), event)]
  }
  types = distinct(flatten(local.matched.types))

  # An asterisk and a backslash in a key are literal, not a wildcard and an escape.
  escaped = { for part in distinct(flatten([values(var.excluded), local.prefixes, local.suffixes])) :
    part => replace(replace(part, "\\", "\\\\"), "*", "\\*")
  }

  # With a prefix and a suffix: any key between them, and the keys in which they share characters.
  wanted_keys = concat(
    length(local.wanted.suffixes) > 0 ? [] : [for prefix in local.wanted.prefixes : { prefix = prefix }],
    length(local.wanted.prefixes) > 0 ? [] : [for suffix in local.wanted.suffixes : { suffix = suffix }],
    flatten([for pair in setproduct(local.wanted.prefixes, local.wanted.suffixes) : concat(
      [{ wildcard = "${local.escaped[pair[0]]}*${local.escaped[pair[1]]}" }],
      [for shared in range(1, min(length(pair[0]), length(pair[1])) + 1) : "${pair[0]}${substr(pair[1], shared, -1)}"
      if endswith(pair[0], substr(pair[1], 0, shared))],
    )]),
  )
  excluded_keys = concat(
    [for prefix in distinct(var.excluded.prefixes) : "${local.escaped[prefix]}*"],
    [for suffix in distinct(var.excluded.suffixes) : "*${local.escaped[suffix]}"],
  )

  # EventBridge compares no numbers beyond 5,000,000,000, so it would not match a larger object by a lower limit alone.
  # Without an upper limit that it can compare, sizes are left to the function, and no object is lost.
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
  sizes = flatten([
    for limit in [[">=", local.wanted.min_bytes], ["<=", local.wanted.max_bytes]] : limit if limit[1] != null
  ])

  object_pattern = merge(
    length(local.wanted_keys) == 0 ? {} : { key = local.wanted_keys },
    length(local.excluded_keys) == 0 ? {} : { key = [{ anything-but = { wildcard = local.excluded_keys } }] },
    coalesce(local.wanted.max_bytes, 5000000001) > 5000000000 ? {} : { size = [{ numeric = local.sizes }] },
  )

  # The ways to match: any event of a type, creations by their reason, each deletion by its own.
  patterns = [
    for way in concat(
      length(local.types) == 0 ? [] : [{ type = local.types, detail = {} }],
      length(local.matched.creations) == 0 ? [] : [
        { type = ["Object Created"], detail = { reason = local.matched.creations } },
      ],
      [for deletion in local.matched.deletions : { type = ["Object Deleted"], detail = merge(
        { reason = [deletion[0]] },
        length(deletion) == 1 ? {} : { deletion-type = [deletion[1]] },
      ) }],
    ) :
    {
      detail-type = way.type
      detail = merge(
        way.detail,
        length(var.buckets) == 0 ? {} : { bucket = { name = sort(var.buckets) } },
        length(local.object_pattern) == 0 ? {} : { object = local.object_pattern },
      )
    }
  ]
}
