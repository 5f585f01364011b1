# One item for a consumer and an object. Only the key attributes are declared.
resource "aws_dynamodb_table" "this" {
  # checkov:skip=CKV_AWS_119:The customer's key is kms_key_arn; without one the table is encrypted with DynamoDB's own
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  deletion_protection_enabled = var.deletion_protection
  hash_key                    = "consumer"
  range_key                   = "object"
  tags                        = var.tags

  attribute {
    name = "consumer"
    type = "S"
  }

  attribute {
    name = "object"
    type = "S"
  }

  point_in_time_recovery { enabled = true }

  # Without kms_key_arn, a key that DynamoDB owns is used, which is free of charge.
  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }
}
