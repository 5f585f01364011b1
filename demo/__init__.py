"""The demonstration: the pipeline in LocalStack, real files, and what became of each."""
