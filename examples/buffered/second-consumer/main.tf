# One more consumer of a topic that belongs to somebody else, in this account or another.

module "queue" {
  source = "../../../modules/queue-with-dlq"

  name          = var.name
  subscriptions = { files = { topic_arn = var.topic_arn } }
}

module "audit" {
  source = "../../../modules/sqs-lambda-consumer"

  name     = var.name
  queue    = module.queue.queue
  function = { package = "${var.packages}/log_events.zip" }
}
