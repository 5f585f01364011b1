"""The operator's tool: what a pipeline is doing, what became of a file, and how to set it right.

`pipeline --help` lists the commands. Everything it knows comes from AWS (or LocalStack, where
``AWS_ENDPOINT_URL`` says so) and, to find the pipeline, from Terraform's outputs or its name.
"""
