"""Develop functions: new repositories, lock files, packages, and runs in LocalStack."""
