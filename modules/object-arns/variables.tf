variable "name" {
  description = "What the caller calls the objects, for error messages, such as reads."
  type        = string
  default     = "objects"
  nullable    = false
}

variable "objects" {
  description = "Objects by a name of your choice: the bucket, and the prefixes of the keys (an empty list means all keys). Keys are not URL-encoded."
  type        = map(object({ bucket = string, prefixes = optional(list(string), []) }))
  nullable    = false

  validation {
    condition     = !contains(flatten(values(var.objects)[*].prefixes), "")
    error_message = "An empty string in the prefixes of ${var.name} matches every key. Remove it: an empty list already means every key."
  }

  validation {
    condition     = !anytrue([for prefix in flatten(values(var.objects)[*].prefixes) : startswith(prefix, "/")])
    error_message = "The prefixes of ${var.name} have one that begins with a slash. The slash after the bucket in s3://bucket/key is no part of the key: write the prefix like incoming/."
  }
}

variable "partition" {
  description = "The partition of the ARNs, such as aws-cn."
  type        = string
  default     = "aws"
  nullable    = false
}
