variable "alarms" {
  description = "Alarms of every consumer; see modules/consumer-alarms. A consumer's own alarms replace these for it."
  type = object({
    oldest_message_age_seconds = optional(number)
    function_errors            = optional(number)
    function_throttles         = optional(number)
    disabled                   = optional(set(string))
  })
  default  = {}
  nullable = false
}

variable "alerts" {
  description = "Who is told when an alarm goes off: e-mail addresses (each has to confirm), or a topic that exists already, by its arn (kms_key_arn is the customer-managed key that it is encrypted with)."
  type = object({
    emails = optional(set(string), [])
    topic  = optional(object({ arn = string, kms_key_arn = optional(string) }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alerts.topic == null || length(var.alerts.emails) == 0
    error_message = "alerts.topic is a topic of yours: subscribe the addresses to it there and remove alerts.emails, or remove alerts.topic."
  }
}

variable "bucket" {
  description = "The bucket files land in: name makes one, existing takes one that is there (of which only the notifications are managed; they replace any others it has), and kms_key_arn is the customer-managed key that its files are encrypted with, if it isn't the pipeline's. force_destroy deletes the files with the bucket; expire gives days after which objects under a prefix are deleted."
  type = object({
    name          = optional(string)
    existing      = optional(string)
    kms_key_arn   = optional(string)
    force_destroy = optional(bool)
    versioning    = optional(bool)
    lifecycle_rules = optional(object({
      expire                    = optional(map(object({ prefix = string, days = number })))
      noncurrent_version_days   = optional(number)
      incomplete_multipart_days = optional(number)
    }))
  })

  validation {
    condition     = (var.bucket.name == null) != (var.bucket.existing == null)
    error_message = "bucket needs either name (a bucket is made) or existing (the name of one that is there), not both."
  }

  validation {
    condition     = var.bucket.kms_key_arn == null || var.bucket.name == null
    error_message = "bucket.kms_key_arn is the key of an existing bucket's files. The bucket that is made here takes the pipeline's kms_key_arn: set that, or remove bucket.kms_key_arn."
  }
}

variable "circuit_breaker" {
  description = "A circuit breaker, which stops a consumer while most of what it tries fails, and lets it go on when a few messages succeed; null for none. Needs ledger. package is the zip of functions/circuit_breaker; the rest is as in modules/circuit-breaker. A consumer can do without: its circuit_breaker = false."
  type = object({
    package            = string
    package_version    = optional(string)
    architecture       = optional(string)
    cool_down_seconds  = optional(number)
    error_rate_percent = optional(number)
    minimum_objects    = optional(number)
    trial_messages     = optional(number)
  })
  default = null

  validation {
    condition     = var.circuit_breaker == null || var.ledger != null
    error_message = "circuit_breaker remembers in the ledger's table, and there is none: set ledger = {}, or remove circuit_breaker."
  }

  validation {
    condition     = var.circuit_breaker == null || var.route != "function"
    error_message = "On route function S3 invokes the functions past their queues, and no circuit breaker can hold files back: choose another route, or remove circuit_breaker."
  }
}

variable "consumers" {
  description = "Who gets the files, by a name of your choice. package is the zip of the function; filter narrows the pipeline's own, and by size; output is where the function may write, and is handed to it as OUTPUT_BUCKET and OUTPUT_PREFIX (kms_key_arn is the customer-managed key of output.bucket, if it isn't the pipeline's); reads_files = false is for a function that needs the events alone, and may read no file then. The rest is as in modules/sqs-lambda-consumer and modules/queue-with-dlq."
  type = map(object({
    package         = string
    package_version = optional(string)
    handler         = optional(string)

    filter = optional(object({
      prefixes  = optional(list(string))
      suffixes  = optional(list(string))
      events    = optional(list(string))
      min_bytes = optional(number)
      max_bytes = optional(number)
    }))

    output      = optional(object({ bucket = optional(string), kms_key_arn = optional(string), prefix = string }))
    reads_files = optional(bool, true)

    batch_size              = optional(number)
    batching_window_seconds = optional(number)
    circuit_breaker         = optional(bool, true)
    enabled                 = optional(bool, true)
    max_concurrency         = optional(number)
    provisioned_pollers     = optional(object({ minimum = number, maximum = number }))

    dead_letter_retention_seconds = optional(number)
    max_receive_count             = optional(number)
    max_retry_delay_seconds       = optional(number)
    message_retention_seconds     = optional(number)
    visibility_timeout_seconds    = optional(number)

    architecture         = optional(string)
    environment          = optional(map(string))
    ephemeral_storage_mb = optional(number)
    layers               = optional(list(string))
    log_retention_days   = optional(number)
    memory_size          = optional(number)
    policy_statements = optional(map(object({
      actions    = list(string)
      resources  = list(string)
      effect     = optional(string)
      conditions = optional(map(map(list(string))))
    })))
    reserved_concurrency = optional(number)
    timeout              = optional(number)
    tracing              = optional(string)
    vpc                  = optional(object({ subnet_ids = set(string), security_group_ids = set(string) }))

    alarms = optional(object({
      oldest_message_age_seconds = optional(number)
      function_errors            = optional(number)
      function_throttles         = optional(number)
      disabled                   = optional(set(string))
    }))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.consumers) : can(regex("^[a-z][a-z0-9-]{0,30}$", name))])
    error_message = "The names of consumers become names of resources: 1 to 31 lower-case letters, digits and hyphens, beginning with a letter."
  }

  validation {
    condition     = !anytrue([for name in keys(var.consumers) : endswith(name, "-dlq")])
    error_message = "A consumer's name must not end in -dlq: its queue could have the name of another consumer's dead-letter queue."
  }

  validation {
    condition     = !contains(keys(var.consumers), "circuit-breaker")
    error_message = "A consumer must not be called circuit-breaker: its function would have the name of the breaker's. Choose another name."
  }

  validation {
    condition     = alltrue([for consumer in var.consumers : try(consumer.output.kms_key_arn, null) == null || try(consumer.output.bucket, null) != null])
    error_message = "A consumer's output.kms_key_arn is the key of output.bucket, and there is none: set output.bucket, or remove output.kms_key_arn. In the pipeline's bucket the output has the bucket's key."
  }
}

variable "dashboard" {
  description = "Whether CloudWatch gets a dashboard of the pipeline, called <name>-<region>."
  type        = bool
  default     = true
  nullable    = false
}

variable "filter" {
  description = "Which files of the bucket enter the pipeline: those whose key begins with one of prefixes and ends with one of suffixes (an empty list means all), at these events. Write keys as they are, not URL-encoded."
  type = object({
    prefixes = optional(list(string))
    suffixes = optional(list(string))
    events   = optional(list(string))
  })
  default  = {}
  nullable = false
}

variable "kms_key_arn" {
  description = "ARN of the customer-managed KMS key for bucket, topics, queues and functions; null uses the services' own keys. The key's policy must let S3, SNS, EventBridge, CloudWatch and CloudWatch Logs use it: output kms_key_statements."
  type        = string
  default     = null
}

variable "ledger" {
  description = "A ledger in which consumers claim files, so that each version has its effect once, and never after a newer one; null for none. days is how long an item lives after anything happened to it; deletion_protection keeps the table when the pipeline is destroyed by mistake."
  type        = object({ days = optional(number), deletion_protection = optional(bool) })
  default     = null
}

variable "name" {
  description = "Name of the pipeline, and the beginning of the names of all it is made of."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "name must have 1 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "route" {
  description = "How consumers hear of files: topic (S3 publishes to SNS; consumers may want the same files, and queues elsewhere can subscribe), eventbridge (a rule for each consumer sends to its queue), queue (S3 sends to the consumers' queues), function (S3 invokes the functions; failures go to their dead-letter queues). It can be changed at any time."
  type        = string
  default     = "topic"
  nullable    = false

  validation {
    condition     = contains(["topic", "eventbridge", "queue", "function"], var.route)
    error_message = "route must be topic, eventbridge, queue or function."
  }
}

variable "tags" {
  description = "Tags on everything, at most 50 with those of the provider's default_tags."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.tags) <= 50
    error_message = "tags has more than the 50 that a resource of AWS may have. Remove some; the provider's default_tags count too."
  }
}
