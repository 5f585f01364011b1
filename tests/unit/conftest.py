"""Unit tests take milliseconds: hypothesis tries fewer examples, and never times one."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=50)
settings.load_profile("unit")
