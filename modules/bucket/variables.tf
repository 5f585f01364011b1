variable "access_logs" {
  description = "Where S3 writes the bucket's server access logs: another bucket of the account and region, whose policy lets logging.s3.amazonaws.com write (see the README), under prefix; partitioned_by adds the date (EventTime or DeliveryTime) to the keys. null for none."
  type        = object({ bucket = string, prefix = optional(string, ""), partitioned_by = optional(string) })
  default     = null

  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html
  validation {
    condition     = var.access_logs == null ? true : var.access_logs.bucket != var.name
    error_message = "${var.error_prefix}access_logs.bucket must be another bucket: each log that S3 writes here would be logged again, and sent to the consumers as a new file."
  }

  validation {
    condition = (var.access_logs == null ? true : var.access_logs.partitioned_by == null
      ? true : contains(["DeliveryTime", "EventTime"], var.access_logs.partitioned_by)
    )
    error_message = "${var.error_prefix}access_logs.partitioned_by must be EventTime or DeliveryTime."
  }
}

variable "error_prefix" {
  description = "What error messages write in front of the variables' names. A module that passes its user's values on to this one sets the place where that user wrote them, such as consumers[\"load\"] and a dot."
  type        = string
  default     = ""
  nullable    = false
}

variable "force_destroy" {
  description = "Whether destroying the bucket deletes the objects in it. Leave it false if the files are important."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the customer-managed KMS key objects are encrypted with; null encrypts with S3's own key (SSE-S3)."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, such as arn:aws:kms:eu-west-1:111122223333:key/1234abcd-..."
  }
}

variable "lifecycle_rules" {
  description = "Lifecycle rules: expire has the days after which objects under a prefix expire, by a name of your choice; noncurrent versions are kept for noncurrent_version_days; incomplete multipart uploads are removed after incomplete_multipart_days."
  type = object({
    expire                    = optional(map(object({ prefix = string, days = number })), {})
    noncurrent_version_days   = optional(number, 30)
    incomplete_multipart_days = optional(number, 7)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for rule in var.lifecycle_rules.expire : rule.prefix != "" && rule.days >= 1])
    error_message = "Each of ${var.error_prefix}lifecycle_rules.expire needs a prefix (an empty one would delete every file) and at least 1 day."
  }

  validation {
    condition     = !anytrue([for rule in var.lifecycle_rules.expire : startswith(rule.prefix, "/")])
    error_message = "A prefix in ${var.error_prefix}lifecycle_rules.expire begins with a slash. The slash after the bucket in s3://bucket/key is no part of the key: write the prefix like incoming/."
  }

  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleConfiguration.html
  validation {
    condition     = length(var.lifecycle_rules.expire) <= 999
    error_message = "A bucket has at most 1,000 lifecycle rules, and the module uses one: ${var.error_prefix}lifecycle_rules.expire may have 999. Use shorter common prefixes."
  }

  validation {
    condition     = min(var.lifecycle_rules.noncurrent_version_days, var.lifecycle_rules.incomplete_multipart_days) >= 1
    error_message = "${var.error_prefix}lifecycle_rules.noncurrent_version_days and incomplete_multipart_days must be at least 1."
  }
}

variable "name" {
  description = "Name of the bucket, unique in its AWS partition."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.name)) && !strcontains(var.name, "..")
    error_message = "${var.error_prefix}name must have 3 to 63 lower-case letters, digits, dots and hyphens, and start and end with a letter or digit."
  }
}

variable "readers" {
  description = "Other AWS accounts that may read files, by a name of your choice: the account's id, and the prefixes it may read (an empty list means all files). list lets it list all keys of the bucket; without it, S3 returns 403 for a missing file. The role that reads needs the same permissions in its own account, and with kms_key_arn the key's policy must allow the account: output kms_key_statements."
  type        = map(object({ account = string, list = optional(bool, false), prefixes = optional(list(string), []) }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for reader in var.readers : can(regex("^[0-9]{12}$", reader.account))])
    error_message = "Each of readers.*.account must be an account id of 12 digits."
  }

  validation {
    condition     = !contains(flatten([for reader in var.readers : reader.prefixes]), "")
    error_message = "An empty text in readers.*.prefixes means all files. Remove it; an empty list already does."
  }
}

variable "tags" {
  description = "Tags on the bucket."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "versioning" {
  description = "Whether to keep overwritten and deleted objects as noncurrent versions. Events then contain the version, and a consumer reads exactly that one, even if it is late."
  type        = bool
  default     = true
  nullable    = false
}
