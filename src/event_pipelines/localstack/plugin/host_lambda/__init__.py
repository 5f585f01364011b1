"""Additions to LocalStack for running this project's pipelines on a host without Docker.

LocalStack finds them through the entry points in the dist-info folder next to this package; both
must be on its path.
"""
