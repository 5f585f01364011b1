"""Apply a configuration in LocalStack, upload files, and show what becomes of each."""
