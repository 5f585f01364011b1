variable "existing_bucket" {
  description = "Name of a bucket that is there already."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of a key that everybody may use."
  type        = string
}

variable "packages" {
  description = "Folder of the functions' zips."
  type        = string
}
