variable "bucket_name" {
  description = "Name of the bucket, unique in all of AWS."
  type        = string
}

variable "force_destroy" {
  description = "Whether terraform destroy deletes the files in the bucket."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "ARN of the customer-managed KMS key for bucket, function, logs, table, queue and topic; null uses the services' own keys. Its policy needs the statements in the output kms_key_statements."
  type        = string
  default     = null
}

variable "name" {
  description = "Prefix of the names of all resources."
  type        = string
  default     = "load-dynamodb"
}

variable "packages" {
  description = "Folder of the functions' zips from make package."
  type        = string
  default     = "../../build"
}
