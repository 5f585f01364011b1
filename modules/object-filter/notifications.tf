# S3 notifications and SNS filter policies.

locals {
  # S3 and SNS compare with the key as S3's events spell it: form-encoded, with the slashes kept. Where encoders differ
  # (asterisk, tilde) both spellings are listed; the function checks the real key.
  spellings = {
    for part in distinct(concat(local.prefixes, local.suffixes, var.filter.prefixes, var.filter.suffixes)) :
    part => distinct([
      replace(urlencode(part), "%2F", "/"),
      replace(replace(replace(urlencode(part), "%2F", "/"), "%2A", "*"), "~", "%7E"),
    ])
  }

  # The checks of within need not be repeated. A filter policy can't require a prefix and a suffix of one key, so with
  # both the suffix is left to the function, like sizes.
  key_matchers = (length(var.filter.prefixes) > 0
    ? [for spelling in flatten([for prefix in var.filter.prefixes : local.spellings[prefix]]) : { prefix = spelling }]
    : [for spelling in flatten([for suffix in var.filter.suffixes : local.spellings[suffix]]) : { suffix = spelling }]
  )
  event_matchers = [for event in [for event in var.filter.events : trimprefix(event, "s3:")] :
    jsondecode(endswith(event, "*") ? jsonencode({ prefix = trimsuffix(event, "*") }) : jsonencode(event))
  ]
  record_matchers = merge(
    length(local.key_matchers) == 0 ? {} : { s3 = { object = { key = local.key_matchers } } },
    length(local.event_matchers) == 0 ? {} : { eventName = local.event_matchers },
  )

  # The values of each key times its depth: Records.s3.object.key is 4 deep, Records.eventName 2.
  # https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
  combinations = max(1, 4 * length(local.key_matchers)) * max(1, 2 * length(local.event_matchers))

  # Lambda has the same matchers for a message's body, but for SQS it doesn't support suffix.
  # https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
  body_matchers = { for part, matcher in local.record_matchers :
    part => matcher if part != "s3" || length(var.filter.prefixes) > 0
  }
}
