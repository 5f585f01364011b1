"""The folders of this checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The wrapper that tools/setup.py writes.
TERRAFORM = ROOT / ".tools" / "bin" / "terraform"
