variable "name" {
  description = "Name of the queue, the function and its role."
  type        = string
  default     = "buffered-audit"
}

variable "packages" {
  description = "Folder of the functions' zips from make package."
  type        = string
  default     = "../../../build"
}

variable "topic_arn" {
  description = "ARN of the topic: the output topic of the configuration in the parent folder."
  type        = string
}
