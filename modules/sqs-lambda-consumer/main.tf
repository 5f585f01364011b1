locals {
  # AWS recommends six times, so that a throttled batch is retried before its messages become visible again.
  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  needed_visibility_timeout = 6 * module.function.timeout + var.batching.window_seconds

  # S3's test event has a field Event; its notifications of objects have Records instead:
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
  no_test_event   = jsonencode({ body = { Event = [{ exists = false }] } })
  filter_criteria = var.drops_test_events ? [local.no_test_event] : var.filter_criteria

  # The variables for the runtime.
  environment = merge(
    {
      QUEUE_URL             = var.queue.url
      DEAD_LETTER_QUEUE_URL = var.queue.dead_letter_queue.url
      MAX_RECEIVE_COUNT     = tostring(var.queue.max_receive_count)
    },
    var.queue.message_retention_seconds == null ? {} : {
      MESSAGE_RETENTION_SECONDS = tostring(var.queue.message_retention_seconds)
    },
    var.filter == null ? {} : { OBJECT_FILTER = jsonencode(var.filter) },
    var.ledger == null ? {} : { LEDGER_DAYS = tostring(var.ledger.days), LEDGER_TABLE = var.ledger.table.name },
    var.max_invocations == null ? {} : { MAX_INVOCATIONS = tostring(var.max_invocations) },
    var.output == null ? {} : { OUTPUT_BUCKET = var.output.bucket, OUTPUT_PREFIX = var.output.prefix },
    var.pipeline == null ? {} : {
      CONSUMER = var.pipeline.consumer, METRICS_NAMESPACE = var.pipeline.metrics_namespace, PIPELINE = var.pipeline.name
    },
  )

  output = var.output == null ? {} : { output = merge(var.output, { prefixes = [var.output.prefix] }) }

  reserved_variables = distinct(concat(keys(local.environment), ["MAX_INVOCATIONS", "MESSAGE_RETENTION_SECONDS"]))

  ledger_key = var.pipeline == null ? null : "${var.pipeline.name}/${var.pipeline.consumer}"
  policy_statements = merge(
    { receive_messages = {
      actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      resources = [var.queue.arn]
    } },
    var.ledger == null ? {} : { claim_objects = {
      actions    = ["dynamodb:UpdateItem"]
      resources  = [var.ledger.table.arn]
      conditions = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = [local.ledger_key] } }
    } },
    # For an object that goes on in another invocation, its message is sent again. In a FIFO queue it keeps its place.
    var.ledger == null || var.queue.fifo ? {} : {
      send_messages_again = { actions = ["sqs:SendMessage"], resources = [var.queue.arn] }
    },
    # What a failure destination is granted for a standard queue: a FIFO queue can be none.
    !var.queue.fifo ? {} : {
      quarantine_messages = { actions = ["sqs:SendMessage"], resources = [var.queue.dead_letter_queue.arn] }
    },
    !var.queue.fifo || var.queue.kms_key_arn == null ? {} : {
      use_queue_key = { actions = ["kms:Decrypt", "kms:GenerateDataKey"], resources = [var.queue.kms_key_arn] }
    },
  )
}

module "function" {
  source = "../lambda-function"

  architecture            = var.function.architecture
  code_signing_config_arn = var.function.code_signing_config_arn
  description             = var.function.description
  # Objects are processed in threads, and glibc would keep an arena of freed memory for each.
  environment          = merge({ MALLOC_ARENA_MAX = "1" }, var.function.environment, local.environment)
  ephemeral_storage_mb = var.function.ephemeral_storage_mb
  error_prefix         = "${var.error_names.function}."
  file_system          = var.function.file_system
  handler              = var.function.handler
  invokers             = var.function.invokers
  kms_key_arn          = var.kms_key_arn
  layers               = var.function.layers
  log_retention_days   = var.function.log_retention_days
  memory_size          = var.function.memory_size
  name                 = var.name
  package              = var.function.package
  package_version      = var.function.package_version
  policy_statements    = merge(var.function.policy_statements, local.policy_statements)
  reads                = var.function.reads
  reserved_concurrency = var.function.reserved_concurrency
  role                 = var.function.role
  runtime              = var.function.runtime
  tags                 = var.tags
  timeout              = var.function.timeout
  tracing              = var.function.tracing
  vpc                  = var.function.vpc
  writes               = merge(var.function.writes, local.output)

  # Events that don't come through the queue go to its dead-letter queue too. Lambda can't send to a FIFO queue.
  asynchronous_invocation = var.queue.fifo ? null : {
    on_failure = { arn = var.queue.dead_letter_queue.arn, kms_key_arn = var.queue.kms_key_arn }
  }
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn                   = var.queue.arn
  function_name                      = module.function.arn
  batch_size                         = var.batching.size
  maximum_batching_window_in_seconds = var.batching.window_seconds == 0 ? null : var.batching.window_seconds
  enabled                            = var.enabled
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = var.tags

  dynamic "filter_criteria" {
    for_each = length(local.filter_criteria) == 0 ? [] : [local.filter_criteria]

    content {
      dynamic "filter" {
        for_each = filter_criteria.value

        content { pattern = filter.value }
      }
    }
  }

  dynamic "scaling_config" {
    for_each = var.concurrency.maximum == null ? [] : [var.concurrency.maximum]

    content { maximum_concurrency = scaling_config.value }
  }

  dynamic "provisioned_poller_config" {
    for_each = var.concurrency.provisioned == null ? [] : [var.concurrency.provisioned]

    content {
      minimum_pollers = provisioned_poller_config.value.minimum_pollers
      maximum_pollers = provisioned_poller_config.value.maximum_pollers
    }
  }

  lifecycle {
    precondition {
      condition     = var.queue.visibility_timeout_seconds >= local.needed_visibility_timeout
      error_message = "The queue's visibility timeout is ${var.queue.visibility_timeout_seconds} s and must be at least ${local.needed_visibility_timeout} s (6 x ${var.error_names.function}.timeout + ${var.error_names.batching_window_seconds}), or messages become visible again while they are processed. Set visibility_timeout_seconds = ${local.needed_visibility_timeout} on the queue, or lower ${var.error_names.function}.timeout (${module.function.timeout} s)."
    }

    precondition {
      condition     = !var.queue.fifo || (var.batching.size <= 10 && var.batching.window_seconds == 0)
      error_message = "A FIFO queue takes no batching window and batches of at most 10: set batching = { size = 10 } or less."
    }

    precondition {
      condition = (var.concurrency.maximum == null || var.function.reserved_concurrency == null
        ? true : var.concurrency.maximum <= var.function.reserved_concurrency
      )
      error_message = "${var.error_names.max_concurrency} is more than ${var.error_names.function}.reserved_concurrency: the rest would be throttled, and each throttle counts as a receive until SQS moves the message to the dead-letter queue. Lower ${var.error_names.max_concurrency} or raise ${var.error_names.function}.reserved_concurrency."
    }

    precondition {
      condition     = var.function.reserved_concurrency != 0
      error_message = "${var.error_names.function}.reserved_concurrency = 0 throttles every batch, and throttled messages go to the dead-letter queue. To stop the consumer, set ${var.error_names.enabled} = false."
    }
  }
}
