"""The command-line tool for operators: show the state of a pipeline and of files, repair failures.

`pipeline --help` lists the commands. The tool finds a pipeline by Terraform's outputs or by its
name, and reads everything else from AWS (or from LocalStack, selected by ``AWS_ENDPOINT_URL``).
"""
