variable "alerts_topic" {
  description = "The arn of the topic for notifications when a circuit opens and closes; kms_key_arn is the customer-managed key of the topic, which the function may then use."
  type        = object({ arn = string, kms_key_arn = optional(string) })
}

variable "architecture" {
  description = "The function's architecture, arm64 or x86_64, which must match its package."
  type        = string
  default     = "arm64"
  nullable    = false
}

variable "code_signing_config_arn" {
  description = "ARN of a code signing configuration for the function; null checks no signature."
  type        = string
  default     = null
}

variable "consumers" {
  description = "The consumers to watch, by the value of the function's variable CONSUMER: outputs of modules/sqs-lambda-consumer, and output queue of modules/queue-with-dlq."
  type = map(object({
    event_source_mapping = object({ arn = string, uuid = string })
    function             = object({ arn = string, name = string, timeout = number })
    metrics_namespace    = string

    queue = object({ arn = string, url = string, fifo = optional(bool, false), kms_key_arn = optional(string) })
  }))
  nullable = false

  validation {
    condition     = length(var.consumers) > 0
    error_message = "consumers must name at least one consumer to watch."
  }

  validation {
    condition     = length(var.consumers) <= 100
    error_message = "consumers has ${length(var.consumers)} entries, but the policies of a role have room for 100. Use several circuit breakers, each with a different name."
  }

  validation {
    condition     = alltrue([for consumer in var.consumers : consumer.function.timeout <= 840])
    error_message = "The timeout of ${join(" and ", [for name, consumer in var.consumers : "consumers[\"${name}\"]" if consumer.function.timeout > 840])} must be at most 840 seconds, or the consumer do without a circuit breaker: during a trial, the circuit breaker waits for the function, and its own timeout is 900."
  }

  validation {
    condition     = !anytrue([for consumer in var.consumers : consumer.queue.fifo])
    error_message = "A FIFO queue can't have a circuit breaker: a message that fails in a trial is sent again, and would be out of order."
  }
}

variable "cool_down_seconds" {
  description = "Seconds from the opening of the circuit, or from a failed trial, to the next trial."
  type        = number
  default     = 300
  nullable    = false

  validation {
    condition     = var.cool_down_seconds >= 60 && var.cool_down_seconds <= 86400
    error_message = "${var.error_prefix}cool_down_seconds must be from 60 (the circuit breaker runs every minute) to 86400."
  }
}

variable "error_rate_percent" {
  description = "The percentage of failed objects within a minute that opens the circuit. In a trial, a lower percentage closes it."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.error_rate_percent > 0 && var.error_rate_percent <= 100
    error_message = "${var.error_prefix}error_rate_percent must be more than 0, and at most 100."
  }
}

variable "error_prefix" {
  description = "What error messages write in front of the variables' names. A module that passes its user's values on to this one sets the place where that user wrote them, such as consumers[\"load\"] and a dot."
  type        = string
  default     = ""
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the customer-managed KMS key for the function's environment variables and logs and the ledger; null uses the services' own keys."
  type        = string
  default     = null
}

variable "ledger" {
  description = "The processing ledger's table, in which the circuit breaker stores its state: arn, name."
  type        = object({ arn = string, name = string })
}

variable "log_retention_days" {
  description = "Days that the circuit breaker's log is kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "minimum_objects" {
  description = "Minimum number of objects within a minute to open a circuit."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.minimum_objects >= 1
    error_message = "${var.error_prefix}minimum_objects must be at least 1."
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
  description = "Version of the package, if it is an object in S3."
  type        = string
  default     = null
}

variable "role" {
  description = "The path of the function's role and policies, and the role's permissions_boundary (the ARN of a policy)."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
  nullable    = false
}

variable "tags" {
  description = "Tags on all resources of the module."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "tracing" {
  description = "X-Ray tracing of the function: PassThrough follows the caller's decision, Active samples by itself."
  type        = string
  default     = "PassThrough"
  nullable    = false
}

variable "trial_messages" {
  description = "Number of messages in a trial, in two concurrent batches."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.trial_messages >= 1 && var.trial_messages <= 10
    error_message = "${var.error_prefix}trial_messages must be from 1 to 10, the most that one request to SQS returns."
  }
}
