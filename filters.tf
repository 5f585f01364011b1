# Which files each consumer gets, and the filters that say so to each service of each route.
locals {
  # What the pipeline lets in and the consumer wants: of two prefixes of which one begins with the
  # other, the longer; of two events, the narrower.
  wanted = { for name, consumer in var.consumers : name => {
    prefixes = length(consumer.filter.prefixes) == 0 ? var.filter.prefixes : distinct(flatten([for wanted in consumer.filter.prefixes :
      length(var.filter.prefixes) == 0 ? [wanted] : concat(
        [for passed in var.filter.prefixes : wanted if startswith(wanted, passed)],
        [for passed in var.filter.prefixes : passed if startswith(passed, wanted)],
      )
    ]))
    suffixes = length(consumer.filter.suffixes) == 0 ? var.filter.suffixes : distinct(flatten([for wanted in consumer.filter.suffixes :
      length(var.filter.suffixes) == 0 ? [wanted] : concat(
        [for passed in var.filter.suffixes : wanted if endswith(wanted, passed)],
        [for passed in var.filter.suffixes : passed if endswith(passed, wanted)],
      )
    ]))
    events = length(consumer.filter.events) == 0 ? var.filter.events : distinct(flatten([for wanted in consumer.filter.events : concat(
      [for passed in var.filter.events : wanted if wanted == passed || (endswith(passed, "*") && startswith(wanted, trimsuffix(passed, "*")))],
      [for passed in var.filter.events : passed if endswith(wanted, "*") && startswith(passed, trimsuffix(wanted, "*"))],
    )]))
    min_bytes = consumer.filter.min_bytes
    max_bytes = consumer.filter.max_bytes
  } }

  # Who is told of files on which route. A consumer that is switched off gets its files into the queue
  # even where others are invoked directly.
  routed = {
    topics    = { for name, filter in { files = var.filter } : name => filter if var.route == "topic" }
    queues    = { for name, filter in local.wanted : name => filter if var.route == "queue" || (var.route == "function" && !var.consumers[name].enabled) }
    functions = { for name, filter in local.wanted : name => filter if var.route == "function" && var.consumers[name].enabled }
    rules = { for name, filter in local.wanted : name => merge(filter, {
      # Numbers beyond 5e9 may not match, so a lower limit is left to the function: it loses nothing.
      min_bytes = null
      max_bytes = try(filter.max_bytes <= 5000000000, false) ? filter.max_bytes : null
    }) if var.route == "eventbridge" }
  }

  # SNS sees keys as S3's notifications spell them: form-encoded, with the slashes kept. Where encoders
  # differ (asterisk, tilde) both spellings are listed; the function checks the real key.
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

  # A filter policy can't ask one key for a prefix and a suffix, so with both the suffix is left to the function, as
  # sizes are. The event source mapping filters nothing: for SQS it knows no suffix, and it deletes unseen what matches
  # no pattern, every message that is no JSON among them, which the function would set aside with the reason.
  # https://github.com/aws-samples/serverless-patterns/tree/main/lambda-esm-sqs-filters-sam
  # https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
  filter_policies = { for name, keys in local.filter_keys : name => (
    length(keys.prefixes) + length(keys.suffixes) + length(keys.events) == 0 ? null : jsonencode({
      Records = merge(
        length(keys.prefixes) > 0 ? { s3 = { object = { key = keys.prefixes } } } : {},
        length(keys.prefixes) == 0 && length(keys.suffixes) > 0 ? { s3 = { object = { key = keys.suffixes } } } : {},
        length(keys.events) > 0 ? { eventName = [for event in keys.events : jsondecode(event)] } : {},
      )
    })
  ) }
}
