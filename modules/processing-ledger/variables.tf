variable "deletion_protection" {
  description = "Whether DynamoDB prevents the deletion of the table. Without the ledger, files that are delivered twice are processed twice."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the customer-managed KMS key the table is encrypted with; null encrypts with DynamoDB's own key."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, such as arn:aws:kms:eu-west-1:111122223333:key/1234abcd-..."
  }
}

variable "name" {
  description = "Name of the table."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.name))
    error_message = "name must have 3 to 255 letters, digits, underscores, dots and hyphens."
  }
}

variable "tags" {
  description = "Tags on the table."
  type        = map(string)
  default     = {}
  nullable    = false
}
