"""The tests: unit (need nothing), terraform, localstack, and integration (all of it)."""
