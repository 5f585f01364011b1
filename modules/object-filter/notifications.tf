# S3 notifications and SNS filter policies.

locals {
  # S3 and SNS compare with the key as S3's events spell it: form-encoded, with the slashes kept. Where encoders differ
  # (asterisk, tilde) both spellings are listed; the function checks the real key.
  spellings = { for part in distinct(concat([""], local.wanted.prefixes, local.wanted.suffixes, var.filter.prefixes, var.filter.suffixes)) :
    part => distinct([
      replace(urlencode(part), "%2F", "/"),
      replace(replace(replace(urlencode(part), "%2F", "/"), "%2A", "*"), "~", "%7E"),
    ])
  }

  # One of S3's notifications has one prefix and one suffix.
  notifications = [
    for pair in setproduct(
      flatten([for prefix in coalescelist(local.wanted.prefixes, [""]) : local.spellings[prefix]]),
      flatten([for suffix in coalescelist(local.wanted.suffixes, [""]) : local.spellings[suffix]]),
    ) : { events = local.wanted.events, filter_prefix = pair[0], filter_suffix = pair[1] }
  ]

  # What within has passed needs no second look. One key can't be asked for a prefix and for a suffix, so with both the
  # suffix is left to the function, as sizes are.
  key_matchers = (length(var.filter.prefixes) > 0
    ? [for spelling in flatten([for prefix in var.filter.prefixes : local.spellings[prefix]]) : { prefix = spelling }]
    : [for spelling in flatten([for suffix in var.filter.suffixes : local.spellings[suffix]]) : { suffix = spelling }]
  )
  event_matchers = [for event in [for event in var.filter.events : trimprefix(event, "s3:")] :
    endswith(event, "*") ? jsonencode({ prefix = trimsuffix(event, "*") }) : jsonencode(event)
  ]
  record_matchers = merge(
    length(local.key_matchers) == 0 ? {} : { s3 = { object = { key = local.key_matchers } } },
    length(local.event_matchers) == 0 ? {} : { eventName = [for event in local.event_matchers : jsondecode(event)] },
  )
  filter_policy = length(local.record_matchers) == 0 ? null : jsonencode({ Records = local.record_matchers })

  # The values of each key times its depth: Records.s3.object.key is 4 deep, Records.eventName 2.
  # https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
  combinations = max(1, 4 * length(local.key_matchers)) * max(1, 2 * length(local.event_matchers))

  # Lambda compares a message's body with the same matchers, but for SQS it knows no suffix.
  # https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
  body_matchers = merge(
    length(var.filter.prefixes) == 0 ? {} : { s3 = { object = { key = local.key_matchers } } },
    length(local.event_matchers) == 0 ? {} : { eventName = local.record_matchers.eventName },
  )
  filter_criteria = length(local.body_matchers) == 0 ? [] : [jsonencode({ body = { Records = local.body_matchers } })]
}
