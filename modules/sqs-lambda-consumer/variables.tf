variable "batching" {
  description = "Batches: at most size messages per invocation, collected for at most window_seconds."
  type        = object({ size = optional(number, 10), window_seconds = optional(number, 0) })
  default     = {}
  nullable    = false

  validation {
    condition = (var.batching.size >= 1 && var.batching.size <= 10000
      && var.batching.window_seconds >= 0 && var.batching.window_seconds <= 300
    )
    error_message = "${var.error_names.batch_size} must be from 1 to 10000, ${var.error_names.batching_window_seconds} from 0 to 300."
  }

  validation {
    condition     = var.batching.size <= 10 || var.batching.window_seconds >= 1
    error_message = "A batch of more than 10 messages has to be collected: set ${var.error_names.batching_window_seconds} to at least 1, or ${var.error_names.batch_size} to at most 10."
  }
}

variable "concurrency" {
  description = "Concurrent batches: maximum (2 to 1000) limits the event source mapping, provisioned keeps event pollers ready. Set one of them, or neither."
  type = object({
    maximum     = optional(number)
    provisioned = optional(object({ minimum_pollers = number, maximum_pollers = number }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = coalesce(var.concurrency.maximum, 2) >= 2 && coalesce(var.concurrency.maximum, 2) <= 1000
    error_message = "${var.error_names.max_concurrency} must be from 2 to 1000. For one batch at a time use a FIFO queue with one message group."
  }

  validation {
    condition     = var.concurrency.maximum == null || var.concurrency.provisioned == null
    error_message = "${var.error_names.max_concurrency} and ${var.error_names.provisioned_pollers} exclude each other: remove one."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
  validation {
    condition = var.concurrency.provisioned == null || try(
      var.concurrency.provisioned.minimum_pollers >= 2 && var.concurrency.provisioned.minimum_pollers <= 200
      && var.concurrency.provisioned.maximum_pollers <= 2000
      && var.concurrency.provisioned.minimum_pollers <= var.concurrency.provisioned.maximum_pollers, false
    )
    error_message = "${var.error_names.provisioned_pollers} needs a minimum from 2 to 200, and a maximum from the minimum to 2000."
  }
}

variable "enabled" {
  description = "Whether messages are processed; false lets them wait in the queue."
  type        = bool
  default     = true
  nullable    = false
}

variable "error_names" {
  description = "Names of this module's variables in error messages. A module that passes its user's values on to this one sets the names that its user writes."
  type = object({
    batch_size              = optional(string, "batching.size")
    batching_window_seconds = optional(string, "batching.window_seconds")
    enabled                 = optional(string, "enabled")
    function                = optional(string, "function")
    max_concurrency         = optional(string, "concurrency.maximum")
    max_invocations         = optional(string, "max_invocations")
    output                  = optional(string, "output")
    provisioned_pollers     = optional(string, "concurrency.provisioned")
  })
  default  = {}
  nullable = false
}

variable "drops_test_events" {
  description = "Whether Lambda deletes the test event that S3 sends when its notifications to the queue are configured. For functions without object_consumer, which ignores it. Lambda then also deletes messages that are not JSON, or have a field Event."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.drops_test_events || length(var.filter_criteria) == 0
    error_message = "drops_test_events and filter_criteria exclude each other, because a message needs to match only one pattern. Add Event = [{ exists = false }] to the body of each pattern instead."
  }
}

variable "filter_criteria" {
  description = "Patterns as JSON text, at most 5; a message that matches none of them is deleted without being processed. A pattern on the body deletes every message that is not JSON. For SQS, Lambda doesn't support suffix, $or and equals-ignore-case."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = length(var.filter_criteria) <= 5 && alltrue([
      for pattern in var.filter_criteria : can(keys(jsondecode(pattern)))
    ])
    error_message = "filter_criteria must be at most 5 JSON texts of objects: use jsonencode({ body = {...} })."
  }

  # https://docs.aws.amazon.com/lambda/latest/api/API_Filter.html
  validation {
    condition     = alltrue([for pattern in var.filter_criteria : length(pattern) <= 4096])
    error_message = "A pattern of filter_criteria has at most 4096 characters. Split it into several, or let the function decide."
  }
}

variable "filter" {
  description = "The objects that the function processes, which the runtime checks again: output wanted of modules/object-filter. null processes every object."
  type = object({
    prefixes  = optional(list(string), [])
    suffixes  = optional(list(string), [])
    events    = optional(list(string), [])
    min_bytes = optional(number)
    max_bytes = optional(number)
  })
  default = null
}

variable "function" {
  description = "The function, with the variables of the lambda-function module; package is the only required one."
  type = object({
    architecture            = optional(string)
    code_signing_config_arn = optional(string)
    description             = optional(string)
    environment             = optional(map(string), {})
    ephemeral_storage_mb    = optional(number)
    handler                 = optional(string)
    layers                  = optional(list(string))
    log_retention_days      = optional(number)
    memory_size             = optional(number)
    package                 = string
    package_version         = optional(string)
    reserved_concurrency    = optional(number)
    runtime                 = optional(string)
    timeout                 = optional(number)
    tracing                 = optional(string)
    vpc                     = optional(object({ subnet_ids = set(string), security_group_ids = set(string) }))

    file_system = optional(object({
      access_point_arn = string, mount_path = string, read_only = optional(bool)
    }))
    invokers = optional(map(object({ service = string, source_arn = string, source_account = optional(string) })), {})
    policy_statements = optional(map(object({
      actions    = list(string)
      resources  = list(string)
      effect     = optional(string, "Allow")
      conditions = optional(map(map(list(string))), {})
    })), {})
    reads = optional(map(object({
      bucket = string, prefixes = optional(list(string)), kms_key_arn = optional(string)
    })), {})
    role = optional(object({
      existing             = optional(object({ arn = string }))
      path                 = optional(string)
      permissions_boundary = optional(string)
    }))
    writes = optional(map(object({
      bucket = string, prefixes = optional(list(string)), kms_key_arn = optional(string)
    })), {})
  })

  validation {
    condition     = length(setintersection(keys(var.function.environment), local.reserved_variables)) == 0
    error_message = "${var.error_names.function}.environment must not set ${join(", ", setintersection(keys(var.function.environment), local.reserved_variables))}: the module sets it from queue, filter, ledger, max_invocations, output or pipeline. Choose another name."
  }

  validation {
    condition     = length(setintersection(keys(var.function.policy_statements), keys(local.policy_statements))) == 0
    error_message = "${var.error_names.function}.policy_statements must not have ${join(", ", setintersection(keys(var.function.policy_statements), keys(local.policy_statements)))}: the module writes it for queue or ledger. Choose another name."
  }
}

variable "kms_key_arn" {
  description = "ARN of the customer-managed KMS key for the function's environment variables and logs; null uses the services' own keys."
  type        = string
  default     = null
}

variable "ledger" {
  description = "The ledger in which the function claims objects: output table of modules/processing-ledger, and the days that an item is kept after its last change. Needs pipeline. null for none."
  type        = object({ table = object({ arn = string, name = string }), days = optional(number, 90) })
  default     = null

  validation {
    condition     = var.ledger == null ? true : var.ledger.days >= 1 && floor(var.ledger.days) == var.ledger.days
    error_message = "ledger.days must be a whole number of days, at least 1: longer than any message can wait."
  }

  validation {
    condition     = var.ledger == null || var.pipeline != null
    error_message = "Objects are claimed under the names of pipeline and consumer: set pipeline, or remove ledger."
  }
}

variable "max_invocations" {
  description = "How many invocations one object may take, for functions that return Continue; then its message goes to the dead-letter queue. Needs ledger. null leaves the runtime's default, 100."
  type        = number
  default     = null

  validation {
    condition = (var.max_invocations == null
      ? true : var.max_invocations >= 1 && floor(var.max_invocations) == var.max_invocations
    )
    error_message = "${var.error_names.max_invocations} must be a whole number of at least 1."
  }

  validation {
    condition     = var.max_invocations == null || var.ledger != null
    error_message = "${var.error_names.max_invocations} is for objects that take several invocations, which need a ledger: set ledger, or remove ${var.error_names.max_invocations}."
  }
}

variable "name" {
  description = "Name of the function and its log group; its role is called <name>-<region>."
  type        = string
}

variable "output" {
  description = "Where the function may write; the function gets it as OUTPUT_BUCKET and OUTPUT_PREFIX. kms_key_arn is the customer-managed key of the bucket. null for none."
  type        = object({ bucket = string, prefix = string, kms_key_arn = optional(string) })
  default     = null

  validation {
    condition     = var.output == null ? true : length(var.output.prefix) > 0 && !startswith(var.output.prefix, "/")
    error_message = "${var.error_names.output}.prefix must not be empty or begin with a slash: write it like processed/."
  }
}

variable "pipeline" {
  description = "The function's pipeline, and the name of the consumer in it, as used by the pipeline tool and the metrics. metrics_namespace is the CloudWatch namespace of its metrics. null for none: the function writes no metrics."
  type        = object({ name = string, consumer = string, metrics_namespace = optional(string, "ObjectPipeline") })
  default     = null
}

variable "queue" {
  description = "The queue to consume: pass the output queue of the queue-with-dlq module. For another queue, write the object yourself; with its message_retention_seconds, the runtime sends messages to the dead-letter queue before they expire."
  type = object({
    arn                        = string
    url                        = string
    visibility_timeout_seconds = number
    max_receive_count          = number
    message_retention_seconds  = optional(number)
    fifo                       = optional(bool, false)
    kms_key_arn                = optional(string)
    dead_letter_queue          = object({ arn = string, url = string })
  })
}

variable "tags" {
  description = "Tags on all resources of the module."
  type        = map(string)
  default     = {}
  nullable    = false
}
