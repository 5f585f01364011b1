variable "alerts_topic" {
  description = "The topic that is told when a circuit opens and when it closes, by its arn; kms_key_arn is the customer-managed key that it is encrypted with, which the function may use then."
  type        = object({ arn = string, kms_key_arn = optional(string) })
}

variable "architecture" {
  description = "The function's processor, arm64 or x86_64, as its package was made."
  type        = string
  default     = "arm64"
  nullable    = false
}

variable "consumers" {
  description = "Whom the breaker watches, by the name that the function has as CONSUMER: the outputs of modules/sqs-lambda-consumer, and output queue of modules/queue-with-dlq."
  type = map(object({
    event_source_mapping = object({ arn = string, uuid = string })
    function             = object({ arn = string, name = string, timeout = number })
    metrics_namespace    = string
    queue                = object({ arn = string, url = string, fifo = optional(bool, false), kms_key_arn = optional(string) })
  }))
  nullable = false

  validation {
    condition     = length(var.consumers) > 0
    error_message = "consumers must name at least one consumer to watch."
  }

  validation {
    condition     = length(var.consumers) <= 100
    error_message = "consumers are ${length(var.consumers)}, and the policies that a role takes have room for 100. Spread them over several circuit breakers, each with a name of its own."
  }

  validation {
    condition     = alltrue([for consumer in var.consumers : consumer.function.timeout <= 840])
    error_message = "A consumer's timeout must be at most 840 seconds: the breaker waits for the function it tries, and has 900 itself."
  }

  validation {
    condition     = !anytrue([for consumer in var.consumers : consumer.queue.fifo])
    error_message = "A FIFO queue can't have a circuit breaker: a message that is tried and fails is sent anew, and would be out of order."
  }
}

variable "cool_down_seconds" {
  description = "Seconds from the opening, or from a trial that failed, to the next trial."
  type        = number
  default     = 300
  nullable    = false

  validation {
    condition     = var.cool_down_seconds >= 60 && var.cool_down_seconds <= 86400
    error_message = "cool_down_seconds must be from 60, as the breaker looks every minute, to 86400."
  }
}

variable "error_rate_percent" {
  description = "The share of objects within a minute whose failure opens the circuit; of the messages tried, fewer have to fail to close it."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.error_rate_percent > 0 && var.error_rate_percent <= 100
    error_message = "error_rate_percent must be more than 0, and at most 100."
  }
}

variable "kms_key_arn" {
  description = "ARN of the customer-managed KMS key for the function's environment variables and logs and the ledger; null uses the services' own keys."
  type        = string
  default     = null
}

variable "ledger" {
  description = "The processing ledger's table, where the breaker remembers: arn, name."
  type        = object({ arn = string, name = string })
}

variable "log_retention_days" {
  description = "Days the breaker's log is kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "minimum_objects" {
  description = "Objects within a minute below which no circuit opens, however many of them fail."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.minimum_objects >= 1
    error_message = "minimum_objects must be at least 1."
  }
}

variable "name" {
  description = "The pipeline's name, PIPELINE of the consumers' functions. The function is called <name>-circuit-breaker, each alarm <name>-<consumer>-error-rate."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "name must have 1 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "package" {
  description = "The zip of the breaker's function, as `make package` writes it: a file, or s3://bucket/key."
  type        = string
}

variable "package_version" {
  description = "Version of the package where it is an object in S3."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags on everything the module makes."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "trial_messages" {
  description = "How many messages are tried, in two batches at once."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.trial_messages >= 1 && var.trial_messages <= 10
    error_message = "trial_messages must be from 1 to 10, as many as one request to SQS gives."
  }
}
