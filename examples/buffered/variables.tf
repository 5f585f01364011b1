variable "bucket_name" {
  description = "Name of the bucket, unique in all of AWS."
  type        = string
}

variable "force_destroy" {
  description = "Whether terraform destroy deletes the files in the bucket."
  type        = bool
  default     = false
}

variable "name" {
  description = "Beginning of the names of all that is made."
  type        = string
  default     = "buffered"
}

variable "packages" {
  description = "Folder of the functions' zips, as make package leaves them."
  type        = string
  default     = "../../build"
}

variable "subscriber_accounts" {
  description = "Ids of other AWS accounts whose queues may subscribe to the topic, and whose functions may read the files it tells of."
  type        = set(string)
  default     = []
}
