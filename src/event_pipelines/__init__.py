"""The command-line tool ``pipeline``: to develop functions, and to operate pipelines."""
