run "each_prefix_is_an_arn" {
  command = plan

  module {
    source = "./modules/object-arns"
  }

  variables {
    objects = {
      all  = { bucket = "files" }
      some = { bucket = "example.reports", prefixes = ["results/", "incoming/a b/"] }
    }
  }

  assert {
    condition = output.arns == {
      all  = ["arn:aws:s3:::files/*"]
      some = ["arn:aws:s3:::example.reports/results/*", "arn:aws:s3:::example.reports/incoming/a b/*"]
    } && output.role_arns == output.arns
    error_message = "The ARNs are ${jsonencode(output.arns)}"
  }
}

run "the_partition_is_that_of_the_caller" {
  command = plan

  module {
    source = "./modules/object-arns"
  }

  variables {
    objects   = { all = { bucket = "files" } }
    partition = "aws-cn"
  }

  assert {
    condition     = output.arns == { all = ["arn:aws-cn:s3:::files/*"] }
    error_message = "The ARNs are ${jsonencode(output.arns)}"
  }
}

run "characters_that_iam_would_expand_stay_characters" {
  command = plan

  module {
    source = "./modules/object-arns"
  }

  variables {
    objects = { odd = { bucket = "files", prefixes = ["in*/", "$?/"] } }
  }

  assert {
    condition = output.arns == {
      odd = ["arn:aws:s3:::files/in$${*}/*", "arn:aws:s3:::files/$${$}$${?}/*"]
    } && output.role_arns == output.arns
    error_message = "The ARNs are ${jsonencode(output.arns)}"
  }
}

# IAM takes U+0009, U+000A, U+000D and U+0020 to U+00FF: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
run "characters_that_no_role_policy_takes_become_wildcards" {
  command = plan

  module {
    source = "./modules/object-arns"
  }

  variables {
    objects = { odd = { bucket = "files", prefixes = ["incoming/Übersicht/", "incoming/日本/", "results/ł*/"] } }
  }

  assert {
    condition = output.role_arns == {
      odd = ["arn:aws:s3:::files/incoming/Übersicht/*", "arn:aws:s3:::files/incoming/*/*", "arn:aws:s3:::files/results/*$${*}/*"]
    }
    error_message = "The ARNs are ${jsonencode(output.role_arns)}"
  }

  assert {
    condition     = output.arns.odd[1] == "arn:aws:s3:::files/incoming/日本/*"
    error_message = "The ARNs are ${jsonencode(output.arns)}"
  }
}

run "a_prefix_that_matches_every_key_is_refused" {
  command = plan

  module {
    source = "./modules/object-arns"
  }

  variables {
    objects = { all = { bucket = "files", prefixes = ["incoming/", ""] } }
  }

  expect_failures = [var.objects]
}

run "a_prefix_that_begins_with_a_slash_is_refused" {
  command = plan

  module {
    source = "./modules/object-arns"
  }

  variables {
    objects = { all = { bucket = "files" }, some = { bucket = "files", prefixes = ["/incoming/"] } }
  }

  expect_failures = [var.objects]
}
