mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  name   = "orders"
  bucket = "orders-files"
}

# What tests/unit/operations/test_operator_policies.py holds against the tool's calls.
run "the_documents_are_those_that_the_tool_is_tested_with" {
  command = plan

  module {
    source = "./modules/operator-policies"
  }

  variables {
    kms_key_arns = ["arn:aws:kms:eu-west-1:111122223333:key/1234abcd"]
    outputs      = { load = { prefix = "out/" }, report = { bucket = "orders-reports" } }
  }

  assert {
    condition     = jsondecode(output.reading) == jsondecode(file("./tests/terraform/operator_policies/reading.json"))
    error_message = "tests/terraform/operator_policies/reading.json is behind: ${output.reading}"
  }

  assert {
    condition     = jsondecode(output.changing) == jsondecode(file("./tests/terraform/operator_policies/changing.json"))
    error_message = "tests/terraform/operator_policies/changing.json is behind: ${output.changing}"
  }
}

run "a_pipeline_without_ledger_key_and_output_needs_less" {
  command = plan

  module {
    source = "./modules/operator-policies"
  }

  variables {
    ledger = false
  }

  assert {
    condition = length([for statement in concat(jsondecode(output.reading).Statement, jsondecode(output.changing).Statement) :
      statement if length([for action in statement.Action : action if length(regexall("^(dynamodb|kms):|GetObject", action)) > 0]) > 0
    ]) == 0
    error_message = "Nothing there to read or to decrypt: ${output.reading} ${output.changing}"
  }
}

run "what_iam_reads_as_wildcards_is_meant_literally" {
  command = plan

  module {
    source = "./modules/operator-policies"
  }

  variables {
    outputs = { report = { prefix = "a$b*c?é/" } }
  }

  assert {
    condition     = length(regexall("orders-files/a\\$\\{\\$\\}b\\$\\{\\*\\}c\\$\\{\\?\\}é/\\*", output.reading)) == 1
    error_message = "The prefix is ${output.reading}"
  }
}

# IAM takes no character above U+00FF.
run "what_iam_does_not_take_is_a_wildcard" {
  command = plan

  module {
    source = "./modules/operator-policies"
  }

  variables {
    outputs = { report = { prefix = "ÿ/日本/x/" } }
  }

  assert {
    condition     = length(regexall("orders-files/ÿ/\\*/x/\\*", output.reading)) == 1
    error_message = "The prefix is ${output.reading}"
  }
}

run "a_name_with_a_wildcard_is_refused" {
  command = plan

  module {
    source = "./modules/operator-policies"
  }

  variables {
    name = "orders*"
  }

  expect_failures = [var.name]
}

run "an_alias_is_no_key" {
  command = plan

  module {
    source = "./modules/operator-policies"
  }

  variables {
    kms_key_arns = ["arn:aws:kms:eu-west-1:111122223333:alias/orders"]
  }

  expect_failures = [var.kms_key_arns]
}
