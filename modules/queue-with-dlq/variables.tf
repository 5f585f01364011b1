variable "dead_letter_queue" {
  description = "The dead-letter queue: message_retention_seconds is its retention period (by default 14 days, the maximum in SQS)."
  type        = object({ message_retention_seconds = optional(number, 1209600) })
  default     = {}
  nullable    = false

  validation {
    condition = (var.dead_letter_queue.message_retention_seconds >= 60
      && var.dead_letter_queue.message_retention_seconds <= 1209600
    )
    error_message = "${var.error_names.dead_letter_retention_seconds} must be from 60 to 1209600 (14 days)."
  }
}

variable "error_names" {
  description = "Names of this module's variables in error messages. A module that passes its user's values on to this one sets the names that its user writes: prefix is written in front of those that are the same."
  type = object({
    prefix                        = optional(string, "")
    dead_letter_retention_seconds = optional(string, "dead_letter_queue.message_retention_seconds")
  })
  default  = {}
  nullable = false
}

variable "fifo" {
  description = "Makes both queues FIFO, with these options; null makes them standard queues. S3 and standard SNS topics can't send to FIFO queues."
  type        = object({ content_based_deduplication = optional(bool, false), high_throughput = optional(bool, false) })
  default     = null
}

variable "function" {
  description = "The function that consumes the queue: its timeout and the batching window of its event source mapping, in seconds. The visibility timeout is derived from them: 6 times the timeout, plus the window."
  type        = object({ timeout = optional(number, 30), batching_window_seconds = optional(number, 0) })
  default     = {}
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the customer-managed KMS key both queues are encrypted with; null encrypts with SQS's own key (SSE-SQS). The key's policy must let each sending service use it; an alias or the AWS-managed key can't do that."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, such as arn:aws:kms:eu-west-1:111122223333:key/1234abcd-...; aliases, the AWS-managed alias/aws/sqs among them, can't be granted to a sending service."
  }
}

variable "max_receive_count" {
  description = "Number of receives after which SQS moves a message to the dead-letter queue. A throttle counts as a receive, so AWS recommends at least 5."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition = (var.max_receive_count >= 1 && var.max_receive_count <= 1000
      && floor(var.max_receive_count) == var.max_receive_count
    )
    error_message = "${var.error_names.prefix}max_receive_count must be a whole number from 1 to 1000."
  }
}

variable "max_retry_delay_seconds" {
  description = "Maximum delay of a retry in seconds: 900 is the longest backoff of the runtime. If the function requests longer delays with retry_after, set the longest, up to 42300 (11.75 hours), so that the plan can check whether messages would expire; 0 is for a consumer that sets no delays."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.max_retry_delay_seconds >= 0 && var.max_retry_delay_seconds <= 42300
    error_message = "${var.error_names.prefix}max_retry_delay_seconds must be from 0 to 42300: SQS hides a message for 12 hours at most, 15 minutes of which may have gone by when a function asks for the delay."
  }
}

variable "message_retention_seconds" {
  description = "Retention period in seconds, after which SQS deletes a message; by default 4 days."
  type        = number
  default     = 345600
  nullable    = false

  validation {
    condition     = var.message_retention_seconds >= 60 && var.message_retention_seconds <= 1209600
    error_message = "${var.error_names.prefix}message_retention_seconds must be from 60 to 1209600 (14 days)."
  }
}

variable "name" {
  description = "Name of the queue, without the .fifo suffix; the dead-letter queue is <name>-dlq."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,71}$", var.name))
    error_message = "name must have 1 to 71 letters, digits, hyphens and underscores, so that -dlq.fifo still fits into SQS's 80. Leave .fifo out; set fifo = {} instead."
  }
}

variable "receive_wait_time_seconds" {
  description = "Seconds that a receive waits for messages (long polling)."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.receive_wait_time_seconds >= 0 && var.receive_wait_time_seconds <= 20
    error_message = "receive_wait_time_seconds must be from 0 to 20."
  }
}

variable "senders" {
  description = "Services that may send to the queue, by a name of your choice: the service principal and the ARNs (patterns allowed) it sends for. source_account is the account that owns them, by default the one in the ARNs, or this account if the ARNs contain none (a bucket's). SNS topics in subscriptions need no entry. EventBridge (events.amazonaws.com) may send to the dead-letter queue too, for its rule's dead_letter_queue."
  type        = map(object({ service = string, source_arns = list(string), source_account = optional(string) }))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([for sender in var.senders :
      can(regex("^[a-z0-9.-]+\\.amazonaws\\.com(\\.cn)?$", sender.service)) && length(sender.source_arns) > 0
    ])
    error_message = "Each sender needs a service principal such as s3.amazonaws.com, and at least one ARN in source_arns: without it any account could send through the service."
  }
}

variable "subscriptions" {
  description = "SNS topics the queue subscribes to, by a name of your choice. filter_policy is JSON text and by default applies to the message body, which has S3's events. Undeliverable messages go to the dead-letter queue."
  type = map(object({
    topic_arn            = string
    filter_policy        = optional(string)
    filter_policy_scope  = optional(string, "MessageBody")
    raw_message_delivery = optional(bool, true)
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([for arn in values(var.subscriptions)[*].topic_arn :
      can(regex("^arn:[^:]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+(\\.fifo)?$", arn))
    ])
    error_message = "Each topic_arn must be the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:111122223333:orders, and these are none: ${join(", ", values(var.subscriptions)[*].topic_arn)}."
  }

  validation {
    condition = alltrue([for policy in values(var.subscriptions)[*].filter_policy :
      policy == null || can(keys(jsondecode(policy)))
    ])
    error_message = "Each filter_policy must be the JSON text of an object: use jsonencode({...})."
  }

  validation {
    condition = alltrue([for scope in values(var.subscriptions)[*].filter_policy_scope :
      contains(["MessageAttributes", "MessageBody"], scope)
    ])
    error_message = "Each filter_policy_scope must be MessageBody or MessageAttributes."
  }

  # https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
  validation {
    condition = alltrue([for policy in values(var.subscriptions)[*].filter_policy :
      length(coalesce(policy, "{}")) <= 262144 && length(try(keys(jsondecode(policy)), [])) <= 5
    ])
    error_message = "A filter_policy may have at most 5 keys and 256 KB."
  }
}

variable "tags" {
  description = "Tags on both queues."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "visibility_timeout_seconds" {
  description = "Seconds that a received message is invisible. null derives it from function."
  type        = number
  default     = null

  validation {
    condition = (var.visibility_timeout_seconds == null ? true
      : var.visibility_timeout_seconds >= 0 && var.visibility_timeout_seconds <= 43200
    )
    error_message = "${var.error_names.prefix}visibility_timeout_seconds must be from 0 to 43200 (12 hours)."
  }
}
