"""What AWS refuses, accepts and sends, as data and rules that the tests share.

Pure, and with the standard library only: LocalStack's own Python asks them too.
"""
