variable "bucket" {
  description = "Name of the bucket of the pipeline's files."
  type        = string
}

variable "kms_key_arns" {
  description = "ARNs of the customer-managed KMS keys of the pipeline's functions, queues, ledger and outputs."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for arn in var.kms_key_arns : can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/[^*]+$", arn))
    ])
    error_message = "kms_key_arns must be ARNs of keys, such as arn:aws:kms:eu-west-1:111122223333:key/1234abcd-..., and of no aliases."
  }
}

variable "ledger" {
  description = "Whether the pipeline has a processing ledger."
  type        = bool
  default     = true
  nullable    = false
}

variable "name" {
  description = "The pipeline's name in the root module. The documents also cover a pipeline whose name begins with it and a hyphen."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]*$", var.name))
    error_message = "name must be the name of a pipeline: letters, digits, hyphens and underscores. In a policy, another character would be a wildcard."
  }
}

variable "outputs" {
  description = "Outputs of the consumers, as in the root module: prefix, and bucket if it differs. `pipeline trace` checks whether an output exists."
  type        = map(object({ bucket = optional(string), prefix = optional(string, "") }))
  default     = {}
  nullable    = false
}
