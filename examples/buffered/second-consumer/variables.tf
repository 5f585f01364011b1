variable "name" {
  description = "Name of the queue, the function and its role."
  type        = string
  default     = "buffered-audit"
}

variable "packages" {
  description = "Folder of the functions' zips, as make package leaves them."
  type        = string
  default     = "../../../build"
}

variable "topic_arn" {
  description = "ARN of the topic that tells of files: the output topic of the configuration above, and all that is known of it here."
  type        = string
}
