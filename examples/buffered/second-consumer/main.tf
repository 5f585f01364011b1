# An additional consumer of the topic of another configuration, in this account or another.

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
