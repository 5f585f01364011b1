"""LocalStack for the tests and the demonstration: on this host, in Docker, or wherever it runs.

    from tools.localstack import running

    with running() as instance:
        boto3.client("s3", endpoint_url=instance.endpoint_url)

The variable LOCALSTACK decides: ``embedded`` (the default: a process of this host, no Docker),
``docker``, or the URL of an instance that is running already.
"""

from tools.localstack.server import Instance, LocalStackError, running

__all__ = ["Instance", "LocalStackError", "running"]
