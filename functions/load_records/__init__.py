"""Load the records of JSON, JSON Lines and CSV files into a DynamoDB table."""
