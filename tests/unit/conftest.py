"""Unit tests take milliseconds: hypothesis tries fewer examples, and never times one.

What it keeps for later goes where `make clean` removes it.
"""

from pathlib import Path

from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(__file__).resolve().parents[2] / "build" / "hypothesis")
settings.register_profile("unit", deadline=None, max_examples=50)
settings.load_profile("unit")
