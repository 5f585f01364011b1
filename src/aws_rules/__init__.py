"""AWS's rules (IAM, limits, alarms, context keys) as data and code that the tests share.

It performs no I/O beyond reading its own tables and uses the standard library only, because the
embedded LocalStack imports it too.
"""
