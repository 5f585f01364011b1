# Filters. SNS sees keys as S3's notifications spell them: form-encoded, with the slashes kept. Where
# encoders differ (asterisk, tilde) both spellings are listed; the function checks the real key.
locals {
  spellings = { for part in distinct(flatten([for consumer in var.consumers : concat(consumer.filter.prefixes, consumer.filter.suffixes)])) :
    part => distinct([
      replace(urlencode(part), "%2F", "/"),
      replace(replace(replace(urlencode(part), "%2F", "/"), "%2A", "*"), "~", "%7E"),
    ])
  }

  filter_keys = { for name, consumer in var.consumers : name => {
    prefixes = [for spelling in flatten([for part in consumer.filter.prefixes : local.spellings[part]]) : { prefix = spelling }]
    suffixes = [for spelling in flatten([for part in consumer.filter.suffixes : local.spellings[part]]) : { suffix = spelling }]
    events = [for event in [for event in consumer.filter.events : trimprefix(event, "s3:")] :
      endswith(event, "*") ? jsonencode({ prefix = trimsuffix(event, "*") }) : jsonencode(event)
    ]
  } }

  # A filter policy can't ask one key for a prefix and a suffix, so with both the suffix is left to
  # the event source mapping.
  filter_policies = { for name, keys in local.filter_keys : name => (
    length(keys.prefixes) + length(keys.suffixes) + length(keys.events) == 0 ? null : jsonencode({
      Records = merge(
        length(keys.prefixes) > 0 ? { s3 = { object = { key = keys.prefixes } } } : {},
        length(keys.prefixes) == 0 && length(keys.suffixes) > 0 ? { s3 = { object = { key = keys.suffixes } } } : {},
        length(keys.events) > 0 ? { eventName = [for event in keys.events : jsondecode(event)] } : {},
      )
    })
  ) }

  filter_criteria = { for name, keys in local.filter_keys : name =>
    length(keys.prefixes) == 0 || length(keys.suffixes) == 0 ? [] : [jsonencode({
      body = { Records = { s3 = { object = { key = keys.suffixes } } } }
    })]
  }
}
