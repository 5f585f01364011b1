variable "bucket_name" {
  description = "Name of the bucket of the files."
  type        = string
}

variable "consumers" {
  description = "The pipeline's consumers, by their names in its metrics (CONSUMER). memory_size (MB), timeout (seconds) and metrics_namespace are the function's, as modules/sqs-lambda-consumer has them as outputs; alarm_names are the alarms to show, such as the names of modules/consumer-alarms."
  type = map(object({
    alarm_names            = optional(list(string), [])
    dead_letter_queue_name = string
    function_name          = string
    memory_size            = number
    metrics_namespace      = string
    queue_name             = string
    timeout                = number
  }))
  nullable = false

  validation {
    condition = alltrue([for consumer in var.consumers :
      consumer.timeout >= 1 && consumer.timeout <= 900 && consumer.memory_size >= 128 && consumer.memory_size <= 10240
    ])
    error_message = "A consumer's timeout must be from 1 to 900 seconds, and its memory_size from 128 to 10240 MB, as its function has them."
  }
}

variable "dashboard_name" {
  description = "Name of the dashboard; null takes name. Dashboard names are unique in an account: pipelines with the same name in several regions need different dashboard names, or they overwrite each other."
  type        = string
  default     = null
}

variable "name" {
  description = "Name of the pipeline, as in its metrics (PIPELINE)."
  type        = string
}

variable "period_seconds" {
  description = "Period of a data point in seconds."
  type        = number
  default     = 300
  nullable    = false

  validation {
    condition     = var.period_seconds >= 60 && var.period_seconds <= 86400 && var.period_seconds % 60 == 0
    error_message = "period_seconds must be a multiple of 60, from 60 (AWS reports once a minute) to 86400 (a day)."
  }
}

variable "topic_name" {
  description = "Name of the topic for events; null if the queues receive events without a topic."
  type        = string
  default     = null
}
