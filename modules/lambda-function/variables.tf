variable "architecture" {
  description = "Architecture of the package: arm64 or x86_64."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "${var.error_prefix}architecture must be arm64 or x86_64, the same as the package's (make package ARCHITECTURE=...)."
  }
}

variable "asynchronous_invocation" {
  description = "How Lambda handles asynchronous events (from S3, SNS, EventBridge rules): how often and for how long it retries, and the arn of the queue, topic, function or event bus that receives the event with its error afterwards (kms_key_arn is its customer-managed key). null leaves Lambda's defaults, which drop the event after two retries."
  type = object({
    maximum_event_age_seconds = optional(number, 21600)
    maximum_retry_attempts    = optional(number, 2)
    on_failure                = optional(object({ arn = string, kms_key_arn = optional(string) }))
  })
  default = null

  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html
  validation {
    condition = var.asynchronous_invocation == null || try(
      var.asynchronous_invocation.maximum_event_age_seconds >= 60
      && var.asynchronous_invocation.maximum_event_age_seconds <= 21600
      && contains([0, 1, 2], var.asynchronous_invocation.maximum_retry_attempts), false
    )
    error_message = "asynchronous_invocation takes maximum_event_age_seconds from 60 to 21600 (6 hours), and 0, 1 or 2 as maximum_retry_attempts."
  }

  validation {
    condition = (try(var.asynchronous_invocation.on_failure, null) == null
      || try(!endswith(var.asynchronous_invocation.on_failure.arn, ".fifo"), false)
    )
    error_message = "asynchronous_invocation.on_failure must be a standard queue or topic: Lambda can't send to FIFO ones."
  }
}

variable "code_signing_config_arn" {
  description = "ARN of a code signing configuration: Lambda then takes only packages that one of its signing profiles has signed. null checks no signature."
  type        = string
  default     = null

  validation {
    condition = (var.code_signing_config_arn == null ? true : can(regex(
      "^arn:[^:]+:lambda:[^:]+:[0-9]{12}:code-signing-config:csc-[a-z0-9]{17}$", var.code_signing_config_arn
    )))
    error_message = "${var.error_prefix}code_signing_config_arn must be the ARN of a code signing configuration, such as arn:aws:lambda:eu-west-1:111122223333:code-signing-config:csc-0123456789abcdefg."
  }
}

variable "description" {
  description = "What the function does, shown in the console."
  type        = string
  default     = ""
  nullable    = false

  # https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
  validation {
    condition     = length(var.description) <= 256
    error_message = "description has ${length(var.description)} characters, and Lambda takes 256. Shorten it."
  }
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Za-z][A-Za-z0-9_]+$", name))])
    error_message = "Names in ${var.error_prefix}environment must begin with a letter and have at least 2 letters, digits and underscores."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
  validation {
    condition = length(setintersection(keys(var.environment), [
      "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
      "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
      "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION",
      "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_HANDLER",
    ])) == 0
    error_message = "${var.error_prefix}environment names a variable that Lambda itself sets (such as AWS_REGION). Choose another name."
  }
}

variable "ephemeral_storage_mb" {
  description = "MB of /tmp."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.ephemeral_storage_mb >= 512 && var.ephemeral_storage_mb <= 10240
    error_message = "${var.error_prefix}ephemeral_storage_mb must be from 512 to 10240."
  }
}

variable "error_prefix" {
  description = "What error messages write in front of the variables' names. A module that passes its user's values on to this one sets the place where that user wrote them, such as consumers[\"load\"] and a dot."
  type        = string
  default     = ""
  nullable    = false
}

variable "file_system" {
  description = "An EFS file system that the function mounts at mount_path, through an access point; the function may only read it if read_only. Needs vpc; the file system must have a mount target in each of the subnets' Availability Zones before the function is created. null for none."
  type        = object({ access_point_arn = string, mount_path = string, read_only = optional(bool, false) })
  default     = null

  # https://docs.aws.amazon.com/lambda/latest/api/API_FileSystemConfig.html
  validation {
    condition = var.file_system == null ? true : can(regex(
      "^arn:[^:]+:elasticfilesystem:[^:]+:[0-9]{12}:access-point/fsap-[0-9a-f]+$", var.file_system.access_point_arn
    )) && can(regex("^/mnt/[A-Za-z0-9_.-]+$", var.file_system.mount_path))
    error_message = "${var.error_prefix}file_system needs the ARN of an access point as access_point_arn (arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-...), and a mount_path such as /mnt/data."
  }

  validation {
    condition     = var.file_system == null || var.vpc != null
    error_message = "${var.error_prefix}file_system is reached over the network of a VPC: set ${var.error_prefix}vpc to the subnets of its mount targets."
  }
}

variable "handler" {
  description = "Module and name of the handler; null uses <package>.handler.handler, the layout of make package."
  type        = string
  default     = null

  validation {
    condition     = var.handler == null || can(regex("^[A-Za-z0-9_./-]+\\.[A-Za-z0-9_]+$", var.handler))
    error_message = "${var.error_prefix}handler must be a module and a name, such as load_orders.handler.handler."
  }
}

variable "invokers" {
  description = "Services that may invoke the function, by a name of your choice: the service principal and the ARN it invokes for, such as a bucket's. source_account is its account if the ARN contains none (a bucket's), by default this one. A queue needs no entry, because Lambda receives its messages."
  type        = map(object({ service = string, source_arn = string, source_account = optional(string) }))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([for name, invoker in var.invokers :
      can(regex("^[A-Za-z0-9_-]{1,90}$", name))
      && can(regex("^[a-z0-9.-]+\\.amazonaws\\.com(\\.cn)?$", invoker.service))
      && can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+", invoker.source_arn))
    ])
    error_message = "Each invoker needs a name of letters, digits, hyphens and underscores, a service principal such as s3.amazonaws.com, and the ARN of what it invokes for: without it any account could invoke through the service."
  }

  validation {
    condition = alltrue([for invoker in var.invokers :
      invoker.source_account == null || try(split(":", invoker.source_arn)[4] == "", true)
    ])
    error_message = "An invoker's source_account goes with an ARN that names no account, such as a bucket's. Remove source_account: the account in source_arn is enough, and some services, such as EventBridge, don't send it."
  }
}

variable "kms_key_arn" {
  description = "ARN of the customer-managed KMS key that environment variables and logs are encrypted with; null uses the services' own keys. The key's policy must let logs.<region>.amazonaws.com use it: output kms_key_statements."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, such as arn:aws:kms:eu-west-1:111122223333:key/1234abcd-..."
  }
}

variable "layers" {
  description = "ARNs of layer versions, at most 5."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.layers) <= 5
    error_message = "${var.error_prefix}layers has ${length(var.layers)} layers, and Lambda takes at most 5. Put several into one."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition = contains([
      0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
    ], var.log_retention_days)
    error_message = "${var.error_prefix}log_retention_days must be one of CloudWatch's: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653, or 0 for ever."
  }
}

variable "memory_size" {
  description = "MB of memory; CPU grows with it."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240
    error_message = "${var.error_prefix}memory_size must be from 128 to 10240 MB."
  }
}

variable "name" {
  description = "Name of the function and its log group; its role is called <name>-<region>, and with role.path a hash of it follows."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "name must have 1 to 64 letters, digits, hyphens and underscores."
  }
}

variable "package" {
  description = "The function's zip: a path (build/load_orders.zip), or s3://bucket/key after you have uploaded it."
  type        = string

  # fileexists fails for a directory.
  validation {
    condition     = startswith(var.package, "s3://") || can(fileexists(var.package))
    error_message = "${var.error_prefix}package is a directory, ${var.package}. Name the zip in it, or the zip that is made of it: Terraform doesn't make one."
  }

  validation {
    condition     = can(regex("^s3://[^/]+/.+", var.package)) || try(fileexists(var.package), true)
    error_message = "${var.error_prefix}package: there is no file ${var.package}. Make the zip (here, with make package), or correct the path: it is relative to where terraform runs. A package in S3 is written s3://bucket/key."
  }

  # A zip with a file in it begins with the bytes PK, 3, 4. https://www.iana.org/assignments/media-types/application/zip
  validation {
    condition = startswith(var.package, "s3://") || try(
      !fileexists(var.package) || startswith(filebase64(var.package), "UEsDB"), true
    )
    error_message = "${var.error_prefix}package is no zip with a file in it: ${var.package}. Build it again; a failed download, or a file of Git LFS that was not fetched, has the name of a zip too."
  }
}

variable "package_version" {
  description = "S3 version of a package given as s3://...; Terraform deploys a new version."
  type        = string
  default     = null
}

variable "policy_statements" {
  description = "Additional permissions of the function, by a name of your choice: actions, resources and optional conditions (operator -> key -> values)."
  type = map(object({
    actions    = list(string)
    resources  = list(string)
    effect     = optional(string, "Allow")
    conditions = optional(map(map(list(string))), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([for statement in var.policy_statements :
      contains(["Allow", "Deny"], statement.effect) && length(statement.actions) > 0 && length(statement.resources) > 0
    ])
    error_message = "Each of ${var.error_prefix}policy_statements needs at least one action and one resource, and Allow or Deny as effect."
  }

  validation {
    condition = length(var.policy_statements) == length(distinct([
      for name in keys(var.policy_statements) : lower(replace(name, "/[^A-Za-z0-9]/", ""))
    ]))
    error_message = "Names in ${var.error_prefix}policy_statements become statement ids, which have letters and digits only: two of them would be the same. Rename one."
  }

  validation {
    condition     = length(setintersection(keys(var.policy_statements), keys(local.granted))) == 0
    error_message = "${var.error_prefix}policy_statements must not have ${join(", ", keys(local.granted))}: they follow from reads, writes and asynchronous_invocation. Choose other names."
  }
}

variable "reads" {
  description = "Objects that the function may read, by a name of your choice: the bucket, the prefixes of the keys (an empty list means all keys), and the customer-managed key that they are encrypted with."
  type        = map(object({ bucket = string, prefixes = optional(list(string), []), kms_key_arn = optional(string) }))
  default     = {}
  nullable    = false
}

variable "reserved_concurrency" {
  description = "Reserved concurrency, which is also the maximum for this function; null uses the account's unreserved concurrency. 0 stops the function."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null || try(var.reserved_concurrency >= 0, false)
    error_message = "${var.error_prefix}reserved_concurrency must be 0 or more, or null."
  }
}

variable "role" {
  description = "The function's role: its path and permissions_boundary (the ARN of a policy), or the arn of an existing role, which the module uses and doesn't change: it must trust lambda.amazonaws.com and have the permissions in output policy."
  type = object({
    existing             = optional(object({ arn = string }))
    path                 = optional(string, "/")
    permissions_boundary = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition = var.role.existing == null ? true : (
      can(regex("^arn:[^:]+:iam::[0-9]{12}:role/.+$", var.role.existing.arn))
      && var.role.path == "/" && var.role.permissions_boundary == null
    )
    error_message = "${var.error_prefix}role.existing.arn must be the ARN of a role, whose path and permissions boundary are its own: remove ${var.error_prefix}role.path and ${var.error_prefix}role.permissions_boundary, or ${var.error_prefix}role.existing."
  }

  # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.role.path))
    error_message = "${var.error_prefix}role.path must begin and end with a slash, such as /pipelines/."
  }

  validation {
    condition = (var.role.permissions_boundary == null
      ? true : can(regex("^arn:[^:]+:iam::([0-9]{12}|aws):policy/.+$", var.role.permissions_boundary))
    )
    error_message = "${var.error_prefix}role.permissions_boundary must be the ARN of a managed policy, such as arn:aws:iam::111122223333:policy/boundary."
  }
}

variable "runtime" {
  description = "Lambda runtime."
  type        = string
  default     = "python3.13"
  nullable    = false
}

variable "tags" {
  description = "Tags on the function, its role and its log group."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "timeout" {
  description = "Timeout of an invocation in seconds."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900
    error_message = "${var.error_prefix}timeout must be from 1 to 900 seconds."
  }
}

variable "tracing" {
  description = "X-Ray tracing: PassThrough follows the caller's decision, Active samples by itself."
  type        = string
  default     = "PassThrough"
  nullable    = false

  validation {
    condition     = contains(["Active", "PassThrough"], var.tracing)
    error_message = "${var.error_prefix}tracing must be Active or PassThrough."
  }
}

variable "vpc" {
  description = "Subnets and security groups, if the function needs a private network; null for none."
  type        = object({ subnet_ids = set(string), security_group_ids = set(string) })
  default     = null

  validation {
    condition     = var.vpc == null ? true : length(var.vpc.subnet_ids) > 0 && length(var.vpc.security_group_ids) > 0
    error_message = "${var.error_prefix}vpc needs at least one subnet and one security group; leave it out to run outside a VPC."
  }
}

variable "writes" {
  description = "Objects that the function may write, with the same attributes as reads."
  type        = map(object({ bucket = string, prefixes = optional(list(string), []), kms_key_arn = optional(string) }))
  default     = {}
  nullable    = false
}
