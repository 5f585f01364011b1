mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  name = "orders-ledger"
}

run "the_table_is_kept_safe_by_default" {
  command = plan

  module {
    source = "./modules/processing-ledger"
  }

  assert {
    condition = (
      aws_dynamodb_table.this.deletion_protection_enabled
      && aws_dynamodb_table.this.point_in_time_recovery[0].enabled
      && aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    )
    error_message = "The table is ${jsonencode(aws_dynamodb_table.this)}"
  }

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "consumer" && aws_dynamodb_table.this.range_key == "object" && aws_dynamodb_table.this.ttl[0].attribute_name == "expires_at"
    error_message = "The runtime writes other attributes: ${jsonencode(aws_dynamodb_table.this)}"
  }
}

run "a_key_of_ones_own_encrypts_it" {
  command = plan

  module {
    source = "./modules/processing-ledger"
  }

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"
  }

  assert {
    condition     = aws_dynamodb_table.this.server_side_encryption[0].kms_key_arn == "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"
    error_message = "The table is ${jsonencode(aws_dynamodb_table.this)}"
  }
}

run "a_keys_alias_is_refused" {
  command = plan

  module {
    source = "./modules/processing-ledger"
  }

  variables {
    kms_key_arn = "alias/orders"
  }

  expect_failures = [var.kms_key_arn]
}

run "a_name_that_dynamodb_does_not_take_is_refused" {
  command = plan

  module {
    source = "./modules/processing-ledger"
  }

  variables {
    name = "a/"
  }

  expect_failures = [var.name]
}
