run "a_filter_alone_wants_what_is_created" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { prefixes = ["incoming/"], suffixes = [".json"] }
  }

  assert {
    condition = jsonencode(output.wanted) == jsonencode({
      events = ["s3:ObjectCreated:*"], max_bytes = null, min_bytes = null, prefixes = ["incoming/"], suffixes = [".json"]
    })
    error_message = "Wanted is ${jsonencode(output.wanted)}"
  }
}

run "wanted_is_what_both_filters_want" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { prefixes = ["incoming/eu/", "ret"], suffixes = [".json"], events = ["s3:ObjectCreated:Put", "s3:ObjectRemoved:*"], max_bytes = 10 }
    within = { prefixes = ["incoming/", "returned/"], suffixes = ["a.json", ".csv"], events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"] }
  }

  assert {
    condition = jsonencode(output.wanted) == jsonencode({
      events    = ["s3:ObjectCreated:Put", "s3:ObjectRemoved:Delete"]
      max_bytes = 10
      min_bytes = null
      prefixes  = ["incoming/eu/", "returned/"]
      suffixes  = ["a.json"]
    })
    error_message = "Wanted is ${jsonencode(output.wanted)}"
  }

  assert {
    condition     = output.event_names == toset(["s3:ObjectCreated:Put", "s3:ObjectRemoved:Delete"])
    error_message = "The names are ${jsonencode(output.event_names)}"
  }
}

run "without_a_filter_everything_within_is_wanted" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    within = { prefixes = ["returned/"], events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"] }
  }

  assert {
    condition = jsonencode([output.wanted.prefixes, output.wanted.suffixes, output.wanted.events]) == jsonencode([
      ["returned/"], [], ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"],
    ])
    error_message = "Wanted is ${jsonencode(output.wanted)}"
  }

  assert {
    condition     = output.filter_policy == null && length(output.filter_criteria) == 0
    error_message = "There is nothing left to filter, and the policy is ${jsonencode(output.filter_policy)}"
  }
}

run "a_wider_prefix_than_within_is_accepted" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { prefixes = ["in"] }
    within = { prefixes = ["incoming/"], suffixes = [".json", ".csv"] }
  }

  assert {
    condition     = jsonencode([output.wanted.prefixes, output.wanted.suffixes]) == jsonencode([["incoming/"], [".json", ".csv"]])
    error_message = "Wanted is ${jsonencode(output.wanted)}"
  }
}

# Each of two names under one wildcard: no prefix of one begins the other, but nothing is both.
run "events_that_no_object_can_have_both_are_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { events = ["s3:ObjectRemoved:Delete"] }
    within = { events = ["s3:ObjectRemoved:DeleteMarkerCreated"] }
  }

  expect_failures = [output.wanted]
}

run "an_event_that_does_not_pass_is_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { events = ["s3:ObjectCreated:Put", "s3:ObjectRemoved:*"] }
  }

  expect_failures = [output.wanted]
}

run "a_prefix_that_does_not_pass_is_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { prefixes = ["incoming/eu/", "returned/"] }
    within = { prefixes = ["incoming/"] }
  }

  expect_failures = [output.wanted]
}

run "a_suffix_that_does_not_pass_is_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { suffixes = [".csv"] }
    within = { suffixes = [".json"] }
  }

  expect_failures = [output.wanted]
}

run "an_event_that_s3_does_not_have_is_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    within = { events = ["s3:ObjectCreate:*"] }
  }

  expect_failures = [output.wanted]
}

run "a_wildcard_that_s3_does_not_have_is_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    within = { events = ["s3:*"] }
  }

  expect_failures = [output.wanted]
}

run "an_empty_string_is_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { suffixes = [""] }
  }

  expect_failures = [var.filter]
}

run "an_empty_string_within_is_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    within = { prefixes = [""] }
  }

  expect_failures = [var.within]
}

run "no_event_at_all_is_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    within = { events = [] }
  }

  expect_failures = [var.within]
}

run "sizes_that_no_object_can_have_are_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { min_bytes = 2, max_bytes = 1 }
  }

  expect_failures = [var.filter]
}

run "a_part_of_a_byte_is_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { max_bytes = 1.5 }
  }

  expect_failures = [var.filter]
}

run "keys_that_must_and_must_not_begin_so_are_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    excluded = { prefixes = ["processed/"] }
    within   = { prefixes = ["incoming/"] }
  }

  expect_failures = [var.excluded]
}

run "an_empty_exclusion_is_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    excluded = { suffixes = [""] }
  }

  expect_failures = [var.excluded]
}

run "with_prefixes_and_suffixes_sns_compares_the_prefixes" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { prefixes = ["incoming/my files/"], suffixes = [".json"] }
    within = { prefixes = ["incoming/"] }
  }

  assert {
    condition     = output.filter_policy == "{\"Records\":{\"s3\":{\"object\":{\"key\":[{\"prefix\":\"incoming/my+files/\"}]}}}}"
    error_message = "The filter policy is ${output.filter_policy}"
  }
}

run "suffixes_alone_and_events_are_compared_by_sns" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { suffixes = ["~1*.json"], events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"] }
    within = { events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"] }
  }

  assert {
    condition = jsondecode(output.filter_policy) == {
      Records = {
        s3        = { object = { key = [{ suffix = "~1%2A.json" }, { suffix = "%7E1*.json" }] } }
        eventName = [{ prefix = "ObjectCreated:" }, "ObjectRemoved:Delete"]
      }
    }
    error_message = "The filter policy is ${output.filter_policy}"
  }

  # For SQS Lambda knows no suffix.
  assert {
    condition     = one(output.filter_criteria) == "{\"body\":{\"Records\":{\"eventName\":[{\"prefix\":\"ObjectCreated:\"},\"ObjectRemoved:Delete\"]}}}"
    error_message = "The filter criteria are ${jsonencode(output.filter_criteria)}"
  }
}

run "lambda_compares_prefixes_of_a_messages_body" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { prefixes = ["incoming/eu/"], suffixes = [".json"], max_bytes = 10 }
  }

  assert {
    condition     = one(output.filter_criteria) == "{\"body\":{\"Records\":{\"s3\":{\"object\":{\"key\":[{\"prefix\":\"incoming/eu/\"}]}}}}}"
    error_message = "The filter criteria are ${jsonencode(output.filter_criteria)}"
  }
}

run "a_filter_larger_than_sns_takes_is_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { prefixes = [for n in range(38) : "incoming/${n}/"] }
  }

  expect_failures = [output.filter_policy]
}

run "the_largest_filter_that_sns_takes_is_accepted" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { prefixes = [for n in range(37) : "incoming/${n}/"] }
  }

  assert {
    condition     = length(jsondecode(output.filter_policy).Records.s3.object.key) == 37
    error_message = "The filter policy is ${output.filter_policy}"
  }
}

run "each_prefix_with_each_suffix_is_a_notification" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    within = { prefixes = ["a*/"], suffixes = ["~"] }
  }

  assert {
    condition = [for notification in output.notifications : "${notification.filter_prefix} ${notification.filter_suffix}"] == [
      "a%2A/ ~", "a%2A/ %7E", "a*/ ~", "a*/ %7E",
    ]
    error_message = "The notifications are ${jsonencode(output.notifications)}"
  }
}

run "sizes_that_eventbridge_does_not_compare_are_left_to_the_function" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { min_bytes = 1, max_bytes = 5000000001 }
  }

  assert {
    condition     = jsondecode(output.event_pattern) == { source = ["aws.s3"], detail-type = ["Object Created"], detail = {} } && output.wanted.max_bytes == 5000000001
    error_message = "The pattern is ${output.event_pattern}"
  }
}

run "a_lower_limit_alone_is_left_to_the_function" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { min_bytes = 1 }
  }

  assert {
    condition     = jsondecode(output.event_pattern).detail == {}
    error_message = "The pattern is ${output.event_pattern}"
  }
}

run "sizes_that_eventbridge_compares_are_in_the_pattern" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    buckets = ["example-orders"]
    filter  = { min_bytes = 1, max_bytes = 5000000000 }
  }

  assert {
    condition = jsondecode(output.event_pattern).detail == {
      bucket = { name = ["example-orders"] }
      object = { size = [{ numeric = [">=", 1, "<=", 5000000000] }] }
    }
    error_message = "The pattern is ${output.event_pattern}"
  }
}

run "a_prefix_that_begins_with_a_slash_is_refused" {
  command = plan

  module {
    source = "./modules/object-filter"
  }

  variables {
    filter = { prefixes = ["/incoming/eu/"] }
    within = { prefixes = ["incoming/", "/returned/"] }
  }

  expect_failures = [var.filter, var.within]
}
