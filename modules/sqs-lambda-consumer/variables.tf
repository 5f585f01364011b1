variable "batching" {
  description = "Messages handed to one invocation: at most size of them, collected for at most window_seconds."
  type = object({
    size           = optional(number, 10)
    window_seconds = optional(number, 0)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.batching.size >= 1 && var.batching.size <= 10000 && var.batching.window_seconds >= 0 && var.batching.window_seconds <= 300
    error_message = "batching.size must be from 1 to 10000, batching.window_seconds from 0 to 300."
  }

  validation {
    condition     = var.batching.size <= 10 || var.batching.window_seconds >= 1
    error_message = "A batch of more than 10 messages has to be collected: set batching.window_seconds to at least 1, or batching.size to at most 10."
  }
}

variable "concurrency" {
  description = "How many batches are processed at once: maximum (2 to 1000) limits the mapping, provisioned keeps that many event pollers ready. Set one of them, or neither."
  type = object({
    maximum = optional(number)
    provisioned = optional(object({
      minimum_pollers = number
      maximum_pollers = number
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.concurrency.maximum == null || try(var.concurrency.maximum >= 2 && var.concurrency.maximum <= 1000, false)
    error_message = "concurrency.maximum must be from 2 to 1000. For one batch at a time use a FIFO queue with one message group."
  }

  validation {
    condition     = var.concurrency.maximum == null || var.concurrency.provisioned == null
    error_message = "concurrency.maximum and concurrency.provisioned exclude each other: remove one."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
  validation {
    condition = var.concurrency.provisioned == null || try(
      var.concurrency.provisioned.minimum_pollers >= 2 && var.concurrency.provisioned.minimum_pollers <= 200
      && var.concurrency.provisioned.maximum_pollers <= 2000
      && var.concurrency.provisioned.minimum_pollers <= var.concurrency.provisioned.maximum_pollers, false
    )
    error_message = "concurrency.provisioned needs minimum_pollers from 2 to 200 and maximum_pollers from minimum_pollers to 2000."
  }
}

variable "enabled" {
  description = "Whether messages are processed; false lets them wait in the queue."
  type        = bool
  default     = true
  nullable    = false
}

variable "filter_criteria" {
  description = "Patterns as JSON text, at most 5; a message that matches none of them is deleted without being processed. A pattern on the body deletes every message that is no JSON, and for SQS Lambda knows no suffix, $or and equals-ignore-case."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.filter_criteria) <= 5 && alltrue([for pattern in var.filter_criteria : can(keys(jsondecode(pattern)))])
    error_message = "filter_criteria must be at most 5 JSON texts of objects: use jsonencode({ body = {...} })."
  }

  # https://docs.aws.amazon.com/lambda/latest/api/API_Filter.html
  validation {
    condition     = alltrue([for pattern in var.filter_criteria : length(pattern) <= 4096])
    error_message = "A pattern of filter_criteria has at most 4096 characters. Split it into several, or let the function decide."
  }
}

variable "function" {
  description = "The function, with the variables of the lambda-function module; package is the only required one."
  type = object({
    architecture         = optional(string)
    description          = optional(string)
    environment          = optional(map(string), {})
    ephemeral_storage_mb = optional(number)
    handler              = optional(string)
    invokers = optional(map(object({
      service        = string
      source_arn     = string
      source_account = optional(string)
    })), {})
    layers             = optional(list(string))
    log_retention_days = optional(number)
    memory_size        = optional(number)
    package            = string
    package_version    = optional(string)
    policy_statements = optional(map(object({
      actions    = list(string)
      resources  = list(string)
      effect     = optional(string, "Allow")
      conditions = optional(map(map(list(string))), {})
    })), {})
    reserved_concurrency = optional(number)
    runtime              = optional(string)
    timeout              = optional(number, 30)
    tracing              = optional(string)
    vpc = optional(object({
      subnet_ids         = set(string)
      security_group_ids = set(string)
    }))
  })

  validation {
    condition = length(setintersection(keys(var.function.environment), [
      "QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "MAX_RECEIVE_COUNT", "MESSAGE_RETENTION_SECONDS",
    ])) == 0
    error_message = "function.environment must not set QUEUE_URL, DEAD_LETTER_QUEUE_URL, MAX_RECEIVE_COUNT or MESSAGE_RETENTION_SECONDS: the module sets them from queue. Choose other names."
  }

  validation {
    condition     = length(setintersection(keys(var.function.policy_statements), ["receive_messages", "quarantine_messages", "use_queue_key"])) == 0
    error_message = "function.policy_statements must not have receive_messages, quarantine_messages or use_queue_key: the module writes these for queue. Choose other names."
  }
}

variable "kms_key_arn" {
  description = "ARN of the customer-managed KMS key for the function's environment variables and logs; null uses the services' own keys."
  type        = string
  default     = null
}

variable "name" {
  description = "Name of the function and its log group; its role is called <name>-<region>."
  type        = string
}

variable "queue" {
  description = "The queue to consume: pass the output queue of the queue-with-dlq module. For a queue made elsewhere, write the object yourself; with its message_retention_seconds the runtime sets messages aside before they expire."
  type = object({
    arn                        = string
    url                        = string
    visibility_timeout_seconds = number
    max_receive_count          = number
    message_retention_seconds  = optional(number)
    fifo                       = optional(bool, false)
    kms_key_arn                = optional(string)
    dead_letter_queue = object({
      arn = string
      url = string
    })
  })
}

variable "tags" {
  description = "Tags on everything the module makes."
  type        = map(string)
  default     = {}
  nullable    = false
}
