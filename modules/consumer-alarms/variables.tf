variable "actions" {
  description = "ARNs of the actions when an alarm changes to ALARM and back to OK, such as a topic."
  type        = list(string)
  default     = []
  nullable    = false

  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html
  validation {
    condition     = length(var.actions) <= 5
    error_message = "An alarm has at most 5 actions. Use one topic, and subscribe the others to it."
  }
}

variable "alarms" {
  description = "Thresholds of the alarms: oldest_message_age_seconds in the queue, function_errors (failed invocations) and function_throttles within 5 minutes. The threshold of the dead-letter queue is one message. disabled lists alarms to omit."
  type = object({
    oldest_message_age_seconds = optional(number, 3600)
    function_errors            = optional(number, 1)
    function_throttles         = optional(number, 10)
    disabled                   = optional(set(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition = length(setsubtract(var.alarms.disabled, [
      "dead_letter_queue_not_empty", "oldest_message_age", "function_errors", "function_throttles",
    ])) == 0
    error_message = "${var.error_prefix}alarms.disabled may contain dead_letter_queue_not_empty, oldest_message_age, function_errors and function_throttles."
  }

  validation {
    condition = (var.alarms.oldest_message_age_seconds > 0
      && var.alarms.function_errors >= 1 && var.alarms.function_throttles >= 1
    )
    error_message = "${var.error_prefix}alarms.oldest_message_age_seconds, function_errors and function_throttles must be positive; to omit an alarm, add it to ${var.error_prefix}alarms.disabled."
  }
}

variable "dead_letter_queue_name" {
  description = "Name of the dead-letter queue."
  type        = string

  validation {
    condition     = length(var.dead_letter_queue_name) <= 80
    error_message = "dead_letter_queue_name has ${length(var.dead_letter_queue_name)} characters, and a queue's name at most 80. Give the name, not the ARN or URL."
  }
}

variable "error_prefix" {
  description = "What error messages write in front of the variables' names. A module that passes its user's values on to this one sets the place where that user wrote them, such as consumers[\"load\"] and a dot."
  type        = string
  default     = ""
  nullable    = false
}

variable "function_name" {
  description = "Name of the function."
  type        = string

  validation {
    condition     = length(var.function_name) <= 64
    error_message = "function_name has ${length(var.function_name)} characters, and a function's name at most 64. Give the name, not the ARN."
  }
}

variable "name" {
  description = "Prefix of the alarms' names: <name>-<alarm>."
  type        = string

  validation {
    condition     = length(var.name) <= 227
    error_message = "name must have at most 227 characters, so that -dead-letter-queue-not-empty still fits into CloudWatch's 255. Shorten it."
  }
}

variable "queue_name" {
  description = "Name of the queue; null for a function without one, which omits oldest_message_age."
  type        = string
  default     = null

  validation {
    condition     = var.queue_name == null || try(length(var.queue_name) <= 80, false)
    error_message = "A queue's name has at most 80 characters. Give queue_name the name, not the ARN or URL."
  }
}

variable "tags" {
  description = "Tags on the alarms."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "timeout" {
  description = "The function's timeout in seconds. The alarm on function_errors evaluates at least this period, because Lambda records a failure with the time at which the invocation began."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900
    error_message = "timeout must be from 1 to 900 seconds, the same as the function's."
  }
}
