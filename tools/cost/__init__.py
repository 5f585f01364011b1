"""What a pipeline costs a month on AWS, from its Terraform plan and a number of files."""
