output "table" {
  description = "The table: arn, name."
  value       = { arn = aws_dynamodb_table.this.arn, name = aws_dynamodb_table.this.name }
}
