# What somebody applied with a release, and plans again with the code after it: the root module on each route, with
# all that can be set, and the examples (but fan-out, whose modules buffered and the root module call as well).
# release.py puts the release's modules into ./pipeline, and then those that are here.

module "topic" {
  source = "./pipeline"

  name        = "topic"
  kms_key_arn = var.kms_key_arn
  ledger      = { days = 30, deletion_protection = false }

  alarms = {
    oldest_message_age_seconds = 600
    function_errors            = 2
    function_throttles         = 3
    disabled                   = ["function_throttles"]
  }

  alerts = { emails = ["oncall@example.com", "second@example.com"] }

  bucket = {
    name          = "upgrade-topic"
    force_destroy = true
    versioning    = true
    lifecycle_rules = {
      expire                    = { old = { prefix = "outgoing/old/", days = 7 } }
      noncurrent_version_days   = 5
      incomplete_multipart_days = 2
    }
  }

  circuit_breaker = {
    package            = "${var.packages}/circuit_breaker.zip"
    architecture       = "x86_64"
    cool_down_seconds  = 600
    error_rate_percent = 40
    minimum_objects    = 5
    trial_messages     = 2
  }

  filter = {
    prefixes = ["incoming/", "my files/"]
    suffixes = [".csv", ".json"]
    events   = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
  }

  consumers = {
    full = {
      package = "${var.packages}/transform_objects.zip"
      handler = "transform_objects.handler.handler"

      filter = {
        prefixes  = ["incoming/orders/", "incoming/é+&/"]
        suffixes  = [".json"]
        events    = ["s3:ObjectCreated:Put", "s3:ObjectCreated:CompleteMultipartUpload"]
        min_bytes = 1
        max_bytes = 1000000
      }
      output = { bucket = var.existing_bucket, kms_key_arn = var.kms_key_arn, prefix = "orders/" }

      batch_size              = 20
      batching_window_seconds = 2
      enabled                 = false
      max_concurrency         = 2

      dead_letter_retention_seconds = 1000000
      max_receive_count             = 7
      max_retry_delay_seconds       = 300
      message_retention_seconds     = 200000
      visibility_timeout_seconds    = 100

      architecture         = "x86_64"
      environment          = { LEVEL = "debug" }
      ephemeral_storage_mb = 600
      log_retention_days   = 7
      memory_size          = 256
      reserved_concurrency = 5
      timeout              = 15
      tracing              = "Active"

      policy_statements = {
        more = {
          actions    = ["s3:GetObjectTagging"]
          resources  = ["arn:aws:s3:::upgrade-topic/incoming/*"]
          conditions = { StringEquals = { "aws:ResourceAccount" = ["123456789012"] } }
        }
      }

      alarms = {
        oldest_message_age_seconds = 60
        function_errors            = 5
        function_throttles         = 6
        disabled                   = ["oldest_message_age"]
      }
    }

    # As few settings as can be.
    plain = { package = "${var.packages}/log_events.zip" }

    unguarded = {
      package             = "${var.packages}/log_events.zip"
      circuit_breaker     = false
      enabled             = false
      filter              = { prefixes = ["my files/"] }
      provisioned_pollers = { minimum = 2, maximum = 3 }
      reads_files         = false
    }
  }
}

# Somebody else's bucket and topic for alarms.
module "eventbridge" {
  source = "./pipeline"

  name   = "eventbridge"
  route  = "eventbridge"
  alerts = { topic = { arn = module.topic.alerts_topic.arn, kms_key_arn = var.kms_key_arn } }
  bucket = { existing = var.existing_bucket, kms_key_arn = var.kms_key_arn }
  filter = { prefixes = ["in/"] }
  ledger = { deletion_protection = false }

  circuit_breaker = { package = "${var.packages}/circuit_breaker.zip" }

  consumers = {
    matched = {
      package = "${var.packages}/log_events.zip"
      enabled = false
      filter  = { suffixes = [".csv"], min_bytes = 10 }
    }
  }
}

module "queue" {
  source = "./pipeline"

  name      = "queue"
  route     = "queue"
  bucket    = { name = "upgrade-queue", force_destroy = true, versioning = false }
  dashboard = false

  consumers = {
    notified = {
      package = "${var.packages}/log_events.zip"
      enabled = false
      filter  = { prefixes = ["a/", "b/"], suffixes = [".csv"], max_bytes = 100 }
    }
  }
}

module "function" {
  source = "./pipeline"

  name   = "function"
  route  = "function"
  bucket = { name = "upgrade-function", force_destroy = true }
  ledger = { deletion_protection = false }

  consumers = {
    invoked = {
      package = "${var.packages}/log_events.zip"
      enabled = false
      filter  = { prefixes = ["a/"], events = ["s3:ObjectCreated:Put"] }
      output  = { prefix = "outgoing/" }
    }
  }
}

# The modules as they are called without the root; the other examples call the same ones.
module "eventbridge_example" {
  source = "./pipeline/examples/eventbridge"

  name          = "eventbridge-example"
  bucket_name   = "upgrade-eventbridge"
  force_destroy = true
  packages      = var.packages
}
