variable "emails" {
  description = "Addresses that receive every message as e-mail; each must confirm its subscription."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@\\s]+@[^@\\s]+$", email))])
    error_message = "Each of emails must be an e-mail address."
  }
}

variable "kms_key_arn" {
  description = "ARN of the customer-managed KMS key the topic is encrypted with; null leaves messages unencrypted at rest (SNS has no key of its own that S3, EventBridge or CloudWatch could use). The key's policy must let each publisher use it."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, such as arn:aws:kms:eu-west-1:111122223333:key/1234abcd-...; aliases, the AWS-managed alias/aws/sns among them, can't be granted to a publishing service."
  }
}

variable "name" {
  description = "Name of the topic."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,256}$", var.name))
    error_message = "name must have 1 to 256 letters, digits, hyphens and underscores. FIFO topics are not supported: S3, EventBridge and CloudWatch alarms publish to standard topics only."
  }
}

variable "publishers" {
  description = "Services that may publish, by a name of your choice: the service principal and the ARNs (patterns allowed) it publishes for. source_account is the account that owns them, by default the one in the ARNs, or this account if the ARNs contain none (a bucket's). EventBridge (events.amazonaws.com) can't be restricted to rules here: let the rule publish with a role, see the README."
  type        = map(object({ service = string, source_arns = list(string), source_account = optional(string) }))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([for publisher in var.publishers :
      can(regex("^[a-z0-9.-]+\\.amazonaws\\.com(\\.cn)?$", publisher.service))
      && (startswith(publisher.service, "events.") || length(publisher.source_arns) > 0)
    ])
    error_message = "Each publisher needs a service principal such as s3.amazonaws.com, and at least one ARN in source_arns: without it any account could publish through the service."
  }

  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
  validation {
    condition = !anytrue([for publisher in var.publishers : startswith(publisher.service, "events.")
      && (length(publisher.source_arns) > 0 || publisher.source_account != null)
    ])
    error_message = "EventBridge doesn't send the rule to SNS, so with source_arns or source_account SNS would deny every event. Remove the publisher, and let the rule publish with a role: topics of object-event-rule, or role_arn of your own target. With source_arns = [] any rule of any account may publish."
  }
}

variable "subscriber_accounts" {
  description = "IDs of other AWS accounts whose queues may subscribe. Principals of this account need only their own permission."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for account in var.subscriber_accounts : can(regex("^[0-9]{12}$", account))])
    error_message = "Each of subscriber_accounts must be an account id of 12 digits."
  }
}

variable "tags" {
  description = "Tags on the topic."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "tracing" {
  description = "X-Ray tracing: Active sends segments of messages whose publisher sampled them, which an X-Ray resource policy must allow (see the README); PassThrough only passes the publisher's header on. null leaves SNS's default, PassThrough."
  type        = string
  default     = null

  validation {
    condition     = var.tracing == null ? true : contains(["Active", "PassThrough"], var.tracing)
    error_message = "tracing must be Active or PassThrough."
  }
}
