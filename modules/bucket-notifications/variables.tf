variable "bucket" {
  description = "Name of the bucket."
  type        = string
}

variable "error_names" {
  description = "Names of targets in error messages, by target, such as queues.load. A module that passes its user's values on to this one sets the names that its user writes."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "eventbridge" {
  description = "Whether S3 also sends all events of the bucket to EventBridge; its rules filter them."
  type        = bool
  default     = false
  nullable    = false
}

variable "functions" {
  description = "Lambda functions to invoke, by a name of your choice. events are S3 event names; an object matches if its key begins with one of prefixes and ends with one of suffixes (an empty list matches all). Keys are not URL-encoded. The function's own policy must let S3 invoke it."
  type = map(object({
    arn      = string
    events   = optional(list(string))
    prefixes = optional(list(string), [])
    suffixes = optional(list(string), [])
  }))
  default  = {}
  nullable = false
}

variable "owner" {
  description = "A name for what these notifications belong to, such as a pipeline's. It is recorded in Parameter Store as /s3-notifications/<bucket>/<owner>, and the plan is refused if another owner is recorded: these notifications would replace its own. null records and checks nothing."
  type        = string
  default     = null

  validation {
    condition     = var.owner == null ? true : can(regex("^[A-Za-z0-9_.-]+$", var.owner))
    error_message = "owner must have letters, digits, hyphens, underscores and dots only: it is part of a parameter's name."
  }
}

variable "queues" {
  description = "SQS queues to send to, with the same attributes as functions. The queue's own policy must let S3 send."
  type = map(object({
    arn      = string
    events   = optional(list(string))
    prefixes = optional(list(string), [])
    suffixes = optional(list(string), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = !anytrue([for queue in var.queues : endswith(queue.arn, ".fifo")])
    error_message = "S3 can't send to a FIFO queue: use a standard queue, or an EventBridge rule."
  }
}

variable "tags" {
  description = "Tags on the parameter that records the owner."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "topics" {
  description = "SNS topics to publish to, with the same attributes as functions. The topic's own policy must let S3 publish."
  type = map(object({
    arn      = string
    events   = optional(list(string))
    prefixes = optional(list(string), [])
    suffixes = optional(list(string), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = !anytrue([for topic in var.topics : endswith(topic.arn, ".fifo")])
    error_message = "S3 can't publish to a FIFO topic: use a standard topic."
  }
}
