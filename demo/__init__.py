"""The demonstration: a pipeline in LocalStack that processes sample files."""
