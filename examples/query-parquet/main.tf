# S3 -> SNS -> SQS -> query_objects -> Parquet in partitions, for Amazon Athena.

module "pipeline" {
  source = "../.."

  name   = var.name
  bucket = { name = var.bucket_name, force_destroy = var.force_destroy }
  filter = { prefixes = ["incoming/"], suffixes = [".csv", ".csv.gz"] }

  consumers = { convert = {
    package = "${var.packages}/query_objects.zip"
    output  = { prefix = "processed/" }
    timeout = 300

    # A file, its result and what the query sorts must fit into the ephemeral storage.
    ephemeral_storage_mb = 2048
    memory_size          = 1024

    environment = {
      COLUMN_TYPES      = jsonencode({ ordered = "DATE", total = "DECIMAL(18,2)" })
      PARTITION_PATTERN = "(?P<year>\\d{4})-(?P<month>\\d\\d)-\\d\\d\\.csv"
      QUERY             = file("${path.module}/orders.sql")
    }
  } }
}
