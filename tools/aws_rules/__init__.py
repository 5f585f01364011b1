"""What AWS refuses, accepts and sends, as data and rules that the tests share."""
