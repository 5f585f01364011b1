output "bucket" {
  description = "The bucket of the files, available after the function can receive events: arn, name."
  value       = { arn = module.bucket.arn, name = module.bucket.name }

  depends_on = [module.notifications]
}

output "consumers" {
  description = "Each consumer: its function, role, queue and dead_letter_queue."
  value = { load = {
    dead_letter_queue = {
      arn  = aws_sqs_queue.failed.arn
      name = aws_sqs_queue.failed.name
      url  = aws_sqs_queue.failed.url
    }
    function = { arn = module.load.arn, log_group_name = module.load.log_group_name, name = module.load.name }
    queue    = null
    role     = module.load.role
  } }
}

output "kms_key_statements" {
  description = "Statements for the policy of the key in kms_key_arn."
  value       = concat(module.alerts.kms_key_statements, module.load.kms_key_statements)
}

output "table" {
  description = "The table: arn, name."
  value       = { arn = aws_dynamodb_table.records.arn, name = aws_dynamodb_table.records.name }
}
