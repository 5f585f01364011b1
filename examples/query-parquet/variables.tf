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
  description = "Prefix of the names of all resources."
  type        = string
  default     = "query-parquet"
}

variable "packages" {
  description = "Folder of the functions' zips from make package."
  type        = string
  default     = "../../build"
}
