variable "archive" {
  description = "An archive of the matched events, for replay, for retention_days (0 keeps them forever); null for none."
  type        = object({ retention_days = number })
  default     = null

  validation {
    condition     = var.archive == null || try(var.archive.retention_days >= 0, false)
    error_message = "archive.retention_days must be 0 (for ever) or more."
  }
}

variable "buckets" {
  description = "Names of the buckets, which must send their events to EventBridge (bucket-notifications with eventbridge = true)."
  type        = set(string)

  validation {
    condition     = length(var.buckets) > 0
    error_message = "buckets must name at least one bucket."
  }
}

variable "dead_letter_queue" {
  description = "The arn of a standard queue for undeliverable events; its policy must let events.amazonaws.com send for the rule. null creates one, <name>-undelivered."
  type        = object({ arn = string })
  default     = null
}

variable "description" {
  description = "What the rule is for, shown in the console."
  type        = string
  default     = ""
  nullable    = false

  # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
  validation {
    condition     = length(var.description) <= 512
    error_message = "description has ${length(var.description)} characters, and EventBridge takes 512. Shorten it."
  }
}

variable "enabled" {
  description = "Whether the rule is enabled. A disabled rule delivers no events, and its events are not delivered later."
  type        = bool
  default     = true
  nullable    = false
}

variable "filter" {
  description = "Which objects: the key begins with one of prefixes and ends with one of suffixes (an empty list means all), or begins and ends with none of the excluded ones; min_bytes and max_bytes limit the size; events are S3's names. Keys are written as they are."
  type = object({
    prefixes          = optional(list(string), [])
    suffixes          = optional(list(string), [])
    excluded_prefixes = optional(list(string), [])
    excluded_suffixes = optional(list(string), [])
    events            = optional(list(string))
    min_bytes         = optional(number)
    max_bytes         = optional(number)
  })
  default  = {}
  nullable = false

  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
  validation {
    condition = alltrue([for bytes in [var.filter.min_bytes, var.filter.max_bytes] :
      bytes == null ? true : bytes >= 0 && bytes <= 5000000000
    ])
    error_message = "filter.min_bytes and max_bytes must be from 0 to 5000000000: EventBridge compares no larger numbers, and may match no object that is larger. Let the consumer look at the size where such files come."
  }
}

variable "kms_key_arn" {
  description = "ARN of the customer-managed KMS key the queue <name>-undelivered is encrypted with; null encrypts with SQS's own key (SSE-SQS). The key's policy must let events.amazonaws.com use it: output kms_key_statements."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, such as arn:aws:kms:eu-west-1:111122223333:key/1234abcd-..."
  }
}

variable "name" {
  description = "Name of the rule, and of its archive if there is one."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "name must have 1 to 64 letters, digits, hyphens and underscores."
  }
}

variable "pattern_quota" {
  description = "Characters that an event pattern may have. AWS gives each account 2048 in a region, and more on request, up to the API's 4096."
  type        = number
  default     = 2048
  nullable    = false

  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
  validation {
    condition     = var.pattern_quota >= 2048 && var.pattern_quota <= 4096
    error_message = "pattern_quota must be from 2048, which every account has, to 4096, the most that PutRule takes."
  }
}

variable "retry" {
  description = "How long and how often EventBridge retries a delivery before it sends the event to the dead-letter queue."
  type = object({
    maximum_attempts          = optional(number, 185)
    maximum_event_age_seconds = optional(number, 86400)
  })
  default  = {}
  nullable = false

  validation {
    condition = (var.retry.maximum_attempts >= 0 && var.retry.maximum_attempts <= 185
      && var.retry.maximum_event_age_seconds >= 60 && var.retry.maximum_event_age_seconds <= 86400
    )
    error_message = "retry.maximum_attempts must be from 0 to 185, and maximum_event_age_seconds from 60 to 86400."
  }
}

variable "role" {
  description = "The path and permissions_boundary (the ARN of a policy) of the role with which the rule publishes to topics."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
  nullable    = false

  # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.role.path))
    error_message = "role.path must begin and end with a slash, such as /pipelines/."
  }

  validation {
    condition = (var.role.permissions_boundary == null
      ? true : can(regex("^arn:[^:]+:iam::([0-9]{12}|aws):policy/.+$", var.role.permissions_boundary))
    )
    error_message = "role.permissions_boundary must be the ARN of a managed policy, such as arn:aws:iam::111122223333:policy/boundary."
  }
}

variable "tags" {
  description = "Tags on the rule and its queue."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "targets" {
  description = "Queues and functions that receive the events, by a name of your choice; their own policies must allow events.amazonaws.com for the rule. A FIFO queue needs a message_group_id."
  type        = map(object({ arn = string, message_group_id = optional(string) }))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for target in var.targets : endswith(target.arn, ".fifo") == (target.message_group_id != null)
    ])
    error_message = "A target whose ARN ends in .fifo needs a message_group_id, and no other may have one."
  }

  validation {
    condition     = !anytrue([for target in var.targets : can(regex("^arn:[^:]+:sns:", target.arn))])
    error_message = "Topics belong in topics, not in targets: the rule publishes to them with its own role."
  }
}

variable "topics" {
  description = "Topics that receive the events, by a name of your choice. The rule publishes with its own role, so their policies need not allow EventBridge. kms_key_arn is the customer-managed key of a topic: the role may use it, if the key's policy delegates to IAM, as the default key policy does."
  type        = map(object({ arn = string, kms_key_arn = optional(string) }))
  default     = {}
  nullable    = false

  validation {
    condition     = !anytrue([for topic in var.topics : endswith(topic.arn, ".fifo")])
    error_message = "EventBridge publishes to standard topics only: name a topic whose ARN doesn't end in .fifo."
  }

  validation {
    condition = alltrue([for topic in var.topics :
      topic.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", topic.kms_key_arn))
    ])
    error_message = "Each of topics.*.kms_key_arn must be the ARN of a key, such as arn:aws:kms:eu-west-1:111122223333:key/1234abcd-..."
  }
}
