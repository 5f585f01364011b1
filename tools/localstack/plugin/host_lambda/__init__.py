"""What LocalStack lacks to run this project's pipelines on a host without Docker.

LocalStack finds the parts through the entry points in the dist-info folder beside this package;
both only have to be on its path.
"""
