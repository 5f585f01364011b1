"""LocalStack for the tests and the demonstration: on this host, in Docker, or at a URL.

    from event_pipelines.localstack import running

    with running() as instance:
        boto3.client("s3", endpoint_url=instance.endpoint_url)

The variable LOCALSTACK selects the instance: ``embedded`` (the default: a process on this host,
without Docker), ``docker``, or the URL of an instance that is already running.
"""

from event_pipelines.localstack.server import Instance, LocalStackError, running

__all__ = ["Instance", "LocalStackError", "running"]
