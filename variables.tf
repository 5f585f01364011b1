variable "alarms" {
  description = "Alarms of every consumer; see modules/consumer-alarms. The alarms of a consumer override these."
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
  description = "Recipients of alarm notifications: e-mail addresses (each must confirm its subscription), or the arn of an existing topic (kms_key_arn is the customer-managed key of this topic)."
  type = object({
    emails = optional(set(string), [])
    topic  = optional(object({ arn = string, kms_key_arn = optional(string) }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alerts.topic == null || length(var.alerts.emails) == 0
    error_message = "alerts.topic and alerts.emails exclude each other: subscribe the addresses to your topic and remove alerts.emails, or remove alerts.topic."
  }

  validation {
    condition = (var.alerts.topic == null
      ? true : can(regex("^arn:[^:]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alerts.topic.arn))
    )
    error_message = "alerts.topic.arn must be the ARN of a standard SNS topic, such as arn:aws:sns:eu-west-1:111122223333:oncall."
  }
}

variable "bucket" {
  description = "The bucket of the files: name creates one, existing uses an existing one (only its notification configuration is managed, which replaces any other; notifications = false leaves that to you: output notifications), and kms_key_arn is the customer-managed key of its files, if it differs from the pipeline's. force_destroy deletes the files with the bucket; expire has the days after which objects under a prefix are deleted, and access_logs the bucket and prefix for server access logs."
  type = object({
    name          = optional(string)
    existing      = optional(string)
    kms_key_arn   = optional(string)
    force_destroy = optional(bool)
    notifications = optional(bool, true)
    versioning    = optional(bool)
    access_logs   = optional(object({ bucket = string, prefix = optional(string), partitioned_by = optional(string) }))
    lifecycle_rules = optional(object({
      expire                    = optional(map(object({ prefix = string, days = number })))
      noncurrent_version_days   = optional(number)
      incomplete_multipart_days = optional(number)
    }))
  })

  validation {
    condition     = (var.bucket.name == null) != (var.bucket.existing == null)
    error_message = "bucket needs either name (to create a bucket) or existing (the name of an existing one), not both."
  }

  validation {
    condition     = var.bucket.kms_key_arn == null || var.bucket.name == null
    error_message = "bucket.kms_key_arn is the key of an existing bucket's files. A bucket created here uses the pipeline's kms_key_arn: set that, or remove bucket.kms_key_arn."
  }

  validation {
    condition     = var.bucket.access_logs == null || var.bucket.existing == null
    error_message = "bucket.access_logs is for a bucket that the pipeline creates; of an existing one it manages only the notification configuration. Configure the access logs where the bucket is managed, and remove bucket.access_logs."
  }
}

variable "circuit_breaker" {
  description = "A circuit breaker, which stops a consumer when most of its files fail, and starts it again when a few messages succeed; null for none. Needs ledger. package is the zip of functions/circuit_breaker; the other attributes are those of modules/circuit-breaker. To exclude a consumer, set its circuit_breaker = false."
  type = object({
    package         = string
    package_version = optional(string)
    architecture    = optional(string)

    code_signing_config_arn = optional(string)

    cool_down_seconds  = optional(number)
    error_rate_percent = optional(number)
    minimum_objects    = optional(number)
    trial_messages     = optional(number)
  })
  default = null

  validation {
    condition     = var.circuit_breaker == null || var.ledger != null
    error_message = "circuit_breaker stores its state in the ledger's table, but there is no ledger: set ledger = {}, or remove circuit_breaker."
  }

  validation {
    condition     = var.circuit_breaker == null || var.route != "function"
    error_message = "On route function, S3 invokes the functions directly, so a circuit breaker can't stop new files: choose another route, or remove circuit_breaker."
  }
}

variable "consumers" {
  description = "The consumers of the files, by a name of your choice. package is the zip of the function; filter narrows the pipeline's filter, and can filter by size; output is where the function may write, which it gets as OUTPUT_BUCKET and OUTPUT_PREFIX (kms_key_arn is the customer-managed key of output.bucket, if it differs from the pipeline's); with reads_files = false, the function gets only events and may read no file. The other attributes are those of modules/sqs-lambda-consumer and modules/queue-with-dlq."
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
    drops_test_events       = optional(bool)
    enabled                 = optional(bool, true)
    max_concurrency         = optional(number)
    max_invocations         = optional(number)
    provisioned_pollers     = optional(object({ minimum = number, maximum = number }))

    dead_letter_retention_seconds = optional(number)
    max_receive_count             = optional(number)
    max_retry_delay_seconds       = optional(number)
    message_retention_seconds     = optional(number)
    visibility_timeout_seconds    = optional(number)

    architecture            = optional(string)
    code_signing_config_arn = optional(string)

    environment          = optional(map(string))
    ephemeral_storage_mb = optional(number)
    file_system = optional(object({
      access_point_arn = string, mount_path = string, read_only = optional(bool)
    }))
    layers             = optional(list(string))
    log_retention_days = optional(number)
    memory_size        = optional(number)
    policy_statements = optional(map(object({
      actions    = list(string)
      resources  = list(string)
      effect     = optional(string)
      conditions = optional(map(map(list(string))))
    })))
    reserved_concurrency = optional(number)
    role = optional(object({
      existing             = optional(object({ arn = string }))
      path                 = optional(string)
      permissions_boundary = optional(string)
    }))
    timeout = optional(number)
    tracing = optional(string)
    vpc     = optional(object({ subnet_ids = set(string), security_group_ids = set(string) }))

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
    error_message = "The names in consumers are used in names of resources: ${join(", ", [for name in keys(var.consumers) : name if !can(regex("^[a-z][a-z0-9-]{0,30}$", name))])} must have 1 to 31 lower-case letters, digits and hyphens, beginning with a letter."
  }

  validation {
    condition     = !anytrue([for name in keys(var.consumers) : endswith(name, "-dlq")])
    error_message = "A consumer's name must not end in -dlq: its queue could have the same name as another consumer's dead-letter queue."
  }

  validation {
    condition     = !contains(keys(var.consumers), "circuit-breaker")
    error_message = "A consumer must not be called circuit-breaker: its function would have the same name as the circuit breaker's. Choose another name."
  }

  validation {
    condition = alltrue([for consumer in var.consumers :
      consumer.output == null ? true : consumer.output.kms_key_arn == null || consumer.output.bucket != null
    ])
    error_message = "The output.kms_key_arn of ${join(" and ", [for name, consumer in var.consumers : "consumers[\"${name}\"]" if try(consumer.output.kms_key_arn != null && consumer.output.bucket == null, false)])} is the key of output.bucket, which is not set: set output.bucket, or remove output.kms_key_arn. In the pipeline's bucket, the output uses the bucket's key."
  }
}

variable "dashboard" {
  description = "Whether to create a CloudWatch dashboard, called <name>-<region>."
  type        = bool
  default     = true
  nullable    = false
}

variable "filter" {
  description = "The files that the pipeline processes: the key begins with one of prefixes and ends with one of suffixes (an empty list means all), and the event is one of events. Keys are not URL-encoded."
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
  description = "A ledger in which consumers claim files, so that each version takes effect once, and never after a newer one; null for none. days is how long an item is kept after its last change; deletion_protection prevents the deletion of the table by mistake."
  type        = object({ days = optional(number), deletion_protection = optional(bool) })
  default     = null
}

variable "name" {
  description = "Name of the pipeline, and prefix of the names of its resources."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "name must have 1 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "roles" {
  description = "The path and permissions_boundary (the ARN of a policy) of every role. The role of a consumer overrides these, and can be an existing one: existing has its arn."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
  nullable    = false

  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.roles.path))
    error_message = "roles.path must begin and end with a slash, such as /pipelines/."
  }

  validation {
    condition = (var.roles.permissions_boundary == null
      ? true : can(regex("^arn:[^:]+:iam::([0-9]{12}|aws):policy/.+$", var.roles.permissions_boundary))
    )
    error_message = "roles.permissions_boundary must be the ARN of a managed policy, such as arn:aws:iam::111122223333:policy/boundary."
  }
}

variable "route" {
  description = "How events reach the consumers: topic (S3 publishes to SNS; several consumers can receive the same files, and other queues can subscribe), eventbridge (a rule for each consumer sends to its queue), queue (S3 sends to the consumers' queues), function (S3 invokes the functions; failures go to their dead-letter queues). It can be changed at any time."
  type        = string
  default     = "topic"
  nullable    = false

  validation {
    condition     = contains(["topic", "eventbridge", "queue", "function"], var.route)
    error_message = "route must be topic, eventbridge, queue or function."
  }
}

variable "tags" {
  description = "Tags on all resources, at most 50 including the provider's default_tags."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.tags) <= 50
    error_message = "tags has more than 50 tags, the limit of a resource in AWS. Remove some; the provider's default_tags count too."
  }
}

variable "tracing" {
  description = "X-Ray tracing of all functions and of the topic: Active or PassThrough; null leaves the services' default, PassThrough. The tracing of a consumer overrides this."
  type        = string
  default     = null
}
