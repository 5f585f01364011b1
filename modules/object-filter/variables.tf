variable "buckets" {
  description = "Names of the buckets whose events event_pattern matches. An empty set matches the events of every bucket."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "excluded" {
  description = "Keys that event_pattern excludes: those that begin with one of prefixes, and those that end with one of suffixes. Only EventBridge can exclude keys, so the other outputs ignore this."
  type        = object({ prefixes = optional(list(string), []), suffixes = optional(list(string), []) })
  default     = {}
  nullable    = false

  validation {
    condition     = !contains(concat(var.excluded.prefixes, var.excluded.suffixes), "")
    error_message = "An empty string in excluded.prefixes or excluded.suffixes excludes every key. Remove it."
  }

  validation {
    condition = (
      length(concat(var.excluded.prefixes, var.excluded.suffixes)) == 0
      || length(concat(var.filter.prefixes, var.filter.suffixes, var.within.prefixes, var.within.suffixes)) == 0
    )
    error_message = "An event pattern can't combine required and excluded prefixes or suffixes for one key. Use either prefixes and suffixes, or the excluded ones."
  }
}

variable "filter" {
  description = "The wanted objects: the key begins with one of prefixes and ends with one of suffixes, the event is one of events (S3 event names), and the size is from min_bytes to max_bytes. An empty list, or null, matches everything that within matches. Keys are not URL-encoded."
  type = object({
    prefixes  = optional(list(string), [])
    suffixes  = optional(list(string), [])
    events    = optional(list(string), [])
    min_bytes = optional(number)
    max_bytes = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = !contains(concat(var.filter.prefixes, var.filter.suffixes), "")
    error_message = "An empty string in ${var.name}.prefixes or ${var.name}.suffixes matches every key. Remove it: an empty list already means every key."
  }

  validation {
    condition     = !anytrue([for prefix in var.filter.prefixes : startswith(prefix, "/")])
    error_message = "${var.name}.prefixes has a prefix that begins with a slash. The slash after the bucket in s3://bucket/key is no part of the key: write the prefix like incoming/."
  }

  validation {
    condition = alltrue([for bytes in [var.filter.min_bytes, var.filter.max_bytes] :
      bytes == null ? true : bytes >= 0 && floor(bytes) == bytes
    ])
    error_message = "${var.name}.min_bytes and ${var.name}.max_bytes must be whole numbers, 0 or more."
  }

  validation {
    condition     = try(var.filter.min_bytes <= var.filter.max_bytes, true)
    error_message = "${var.name}.min_bytes is more than ${var.name}.max_bytes: no object has such a size."
  }
}

variable "name" {
  description = "What the user of the filter calls it, for error messages, such as consumers[\"load\"].filter."
  type        = string
  default     = "filter"
  nullable    = false
}

variable "within" {
  description = "The filter that events have already passed, such as the one between the bucket and the topic. An empty list matches all keys; without events, it matches all created objects."
  type = object({
    prefixes = optional(list(string), [])
    suffixes = optional(list(string), [])
    events   = optional(list(string), ["s3:ObjectCreated:*"])
  })
  default  = {}
  nullable = false

  validation {
    condition     = !contains(concat(var.within.prefixes, var.within.suffixes), "")
    error_message = "An empty string in ${var.name}.prefixes or ${var.name}.suffixes matches every key. Remove it: an empty list already means every key."
  }

  validation {
    condition     = !anytrue([for prefix in var.within.prefixes : startswith(prefix, "/")])
    error_message = "${var.name}.prefixes has a prefix that begins with a slash. The slash after the bucket in s3://bucket/key is no part of the key: write the prefix like incoming/."
  }

  validation {
    condition     = length(var.within.events) > 0
    error_message = "${var.name}.events must contain at least one event, such as s3:ObjectCreated:*."
  }
}
